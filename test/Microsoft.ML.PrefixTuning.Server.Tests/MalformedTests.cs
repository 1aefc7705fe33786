using System.Collections.Generic;
using System.Linq;
using System.Net.Http;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Tool.Serving;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Server.Tests;

/// <summary>Requests that are wrong: each gets its status, and the field that is wrong by name.</summary>
[TestClass]
public sealed class MalformedTests
{
    private const string Texts = "/v1/completions", Chats = "/v1/chat/completions";

    private static RunningServer s_server = null!;

    [ClassInitialize]
    public static async Task Start(TestContext _) =>
        s_server = await RunningServer.Start(new ServeSettings { MaxTokens = 50, MaxBodyBytes = 4096 });

    [ClassCleanup]
    public static async Task Stop() => await s_server.DisposeAsync();

    [TestMethod]
    [DataRow(Texts, "", null, "expected JSON")]
    [DataRow(Texts, "{", null, "expected JSON")]
    [DataRow(Texts, "[]", null, "expected a JSON object, found an array.")]
    [DataRow(Texts, """{"model":"short","model":"long","prompt":"a"}""", null, "expected JSON")]
    [DataRow(Texts, """{"prompt":"a"}""", "model", "model: expected a model's name, found nothing.")]
    [DataRow(Texts, """{"model":7,"prompt":"a"}""", "model", "model: expected a string, found 7.")]
    [DataRow(Texts, """{"model":"short"}""", "prompt", "prompt: expected a text, found nothing.")]
    [DataRow(Texts, """{"model":"short","prompt":null}""", "prompt", "prompt: expected a text, found nothing.")]
    [DataRow(Texts, """{"model":"short","prompt":["a","b"]}""", "prompt", "prompt: expected a string, or an array")]
    [DataRow(Texts, """{"model":"short","prompt":[[1,2]]}""", "prompt", "prompt: expected a string, or an array")]
    [DataRow(Texts, """{"model":"short","prompt":"\ud800"}""", "prompt", "prompt: expected a text, found half")]
    [DataRow(Texts, """{"model":"short","prompt":"a","\ud800":1}""", null, "expected JSON of whole characters")]
    [DataRow(Texts, """{"model":"short","prompt":"a","suffix":"\ud800"}""", null, "expected JSON of whole characters")]
    [DataRow(Chats, """{"model":"short","messages":[],"tool_choice":"\ud800"}""", null, "expected JSON of whole char")]
    [DataRow(Texts, """{"model":"short","prompt":[7]}""", "prompt", "prompt: expected a string, or an array with one;"
        + " several prompts are several requests here; found an array with 7.")]
    [DataRow(Texts, """{"model":"short","prompt":"a","path":"/etc/passwd"}""", "path", "path: expected a field that")]
    [DataRow(Texts, """{"model":"short","prompt":"a","messages":[]}""", "messages", "messages: expected a field that")]
    [DataRow(Texts, """{"model":"short","prompt":"a","max_tokens":0}""", "max_tokens", "max_tokens: expected 1 or more")]
    [DataRow(Texts, """{"model":"short","prompt":"a","max_tokens":51}""", "max_tokens", "max_tokens: expected at most 50")]
    [DataRow(Texts, """{"model":"short","prompt":"a","max_tokens":1.5}""", "max_tokens", "max_tokens: expected a whole")]
    [DataRow(Texts, """{"model":"short","prompt":"a","max_tokens":9999999999}""", "max_tokens", "max_tokens: expected a")]
    [DataRow(Texts, """{"model":"short","prompt":"a","temperature":-1}""", "temperature", "temperature: expected 0.001")]
    [DataRow(Texts, """{"model":"short","prompt":"a","temperature":1e300}""", "temperature", "temperature: expected a")]
    [DataRow(Texts, """{"model":"short","prompt":"a","temperature":"hot"}""", "temperature", "temperature: expected a n")]
    [DataRow(Texts, """{"model":"short","prompt":"a","temperature":1e-30}""", "temperature", "temperature: expected 0.00")]
    [DataRow(Texts, """{"model":"short","prompt":"a","temperature":1e-50}""", "temperature",
        "temperature: expected 0, or 0.001 to 1000, found 1e-50.")]
    [DataRow(Texts, """{"model":"short","prompt":"a","top_p":1e-300}""", "top_p",
        "top_p: expected above 0 and at most 1, found 1e-300.")]
    [DataRow(Texts, """{"model":"short","prompt":"a","stream":true,"stream_options":{"include_obfuscation":5}}""",
        "stream_options.include_obfuscation", "stream_options.include_obfuscation: expected true or false, found 5.")]
    [DataRow(Texts, """{"model":"short","prompt":"a","stream":true,"stream_options":{"include_obfuscation":true}}""",
        "stream_options", "stream_options: expected include_usage alone")]
    [DataRow(Texts, """{"model":"short","prompt":"a","top_p":1.5}""", "top_p", "top_p: expected above 0 and")]
    [DataRow(Texts, """{"model":"short","prompt":"a","n":2}""", "n", "n: expected beams or sampling where n is")]
    [DataRow(Texts, """{"model":"short","prompt":"a","n":2000000000,"temperature":1}""", "n", "n: expected 1 to 128, fo")]
    [DataRow(Texts, """{"model":"short","prompt":"a","n":0}""", "n", "n: expected 1 to 128, found 0.")]
    [DataRow(Texts, """{"model":"short","prompt":"a","n":2,"temperature":1,"stream":true}""", "n",
        "n: expected 1 where stream is true, found 2.")]
    [DataRow(Texts, """{"model":"short","prompt":"a","seed":1e10}""", "seed", "seed: expected a whole number of 32")]
    [DataRow(Texts, """{"model":"short","prompt":"a","stop":7}""", "stop", "stop: expected a string, found 7.")]
    [DataRow(Texts, """{"model":"short","prompt":"a","stop":""}""", "stop", "stop: expected no empty text")]
    [DataRow(Texts, """{"model":"short","prompt":"a","stop":["b",null]}""", "stop", "stop: expected a string, found n")]
    [DataRow(Texts, """{"model":"short","prompt":"a","logprobs":21}""", "logprobs", "logprobs: expected 0 to 20, fo")]
    [DataRow(Texts, """{"model":"short","prompt":"a","stream":"yes"}""", "stream", "stream: expected true or false")]
    [DataRow(Texts, """{"model":"short","prompt":"a","stream_options":{}}""", "stream_options", "stream_options: exp")]
    [DataRow(Texts, """{"model":"short","prompt":"a","presence_penalty":1}""", "presence_penalty", "presence_penalty:")]
    [DataRow(Texts, """{"model":"short","prompt":"a","logit_bias":{"5":1}}""", "logit_bias", "logit_bias: expected an")]
    [DataRow(Texts, """{"model":"short","prompt":"a","echo":true}""", "echo", "echo: expected false or null;")]
    [DataRow(Texts, """{"model":"short","prompt":"a","suffix":"b"}""", "suffix", "suffix: expected an empty string or")]
    [DataRow(Texts, """{"model":"short","prompt":"a","best_of":3}""", "best_of", "best_of: expected 1 or null;")]
    [DataRow(Chats, """{"model":"short"}""", "messages", "messages: expected the messages of a chat, found nothing.")]
    [DataRow(Chats, """{"model":"short","messages":[]}""", "messages",
        "messages: expected an array of one message or more, found an empty one.")]
    [DataRow(Chats, """{"model":"short","messages":"a"}""", "messages", "messages: expected an array of one message")]
    [DataRow(Chats, """{"model":"short","messages":["a"]}""", "messages[0]", "messages[0]: expected an object with role")]
    [DataRow(Chats, """{"model":"short","messages":[{"role":"user"}]}""", "messages[0].content", "messages[0].content:")]
    [DataRow(Chats, """{"model":"short","messages":[{"role":"tool","content":"a"}]}""", "messages", "messages[0].role:")]
    [DataRow(Chats, """{"model":"short","messages":[{"role":"user","content":[{"type":"image_url"}]}]}""", "messages",
        "messages[0].content: expected parts of type text")]
    [DataRow(Chats, """{"model":"short","messages":[{"role":"user","content":"a","tool_calls":[{}]}]}""", "messages",
        "messages[0]: expected role and content with text alone, found tool_calls.")]
    [DataRow(Chats, """{"model":"short","messages":[{"role":"system","content":"a"},{"role":"user","content":"b"}]}""",
        "messages", "Request, messages: this model takes one message of the user")]
    [DataRow(Chats, """{"model":"short","messages":[{"role":"user","content":"a"}],"tools":[{}]}""", "tools", "tools:")]
    [DataRow(Chats, """{"model":"short","messages":[{"role":"user","content":"a"}],"top_logprobs":2}""", "top_logprobs",
        "top_logprobs: expected nothing where logprobs is not true.")]
    [DataRow(Chats, """{"model":"short","messages":[{"role":"user","content":"a"}],"max_tokens":3,"""
        + "\"max_completion_tokens\":4}", "max_tokens", "max_tokens: expected nothing else than max_completion_tokens")]
    [DataRow(Chats, """{"model":"short","messages":[{"role":"user","content":"a"}],"response_format":"""
        + "{\"type\":\"json_object\"}}", "response_format", "response_format: expected")]
    public async Task Request_ThatIsMalformed_GetsItsField(string path, string body, string? field, string message)
    {
        (int status, JsonNode answer) = await s_server.Post(path, body);

        JsonNode error = answer["error"]!;
        Assert.AreEqual(400, status, answer.ToJsonString());
        Assert.StartsWith(message, (string)error["message"]!);
        Assert.AreEqual((field, "invalid_request_error"), ((string?)error["param"], (string)error["type"]!));
    }

    [TestMethod]
    [DataRow("prediction", "{\"type\":\"content\"}"), DataRow("audio", "{}"), DataRow("store", "true")]
    [DataRow("reasoning_effort", "\"low\""), DataRow("verbosity", "\"low\""), DataRow("service_tier", "\"flex\"")]
    [DataRow("functions", "[{}]"), DataRow("function_call", "{\"name\":\"a\"}"), DataRow("tool_choice", "\"required\"")]
    [DataRow("modalities", "[\"text\",\"audio\"]"), DataRow("web_search_options", "{}"), DataRow("metadata", "\"a\"")]
    [DataRow("parallel_tool_calls", "1"), DataRow("safety_identifier", "7"), DataRow("prompt_cache_retention", "24")]
    public async Task Chat_WithAFieldThatIsNotHonoured_GetsItsName(string field, string value)
    {
        (int status, JsonNode answer) = await s_server.Post(Chats,
            $$"""{"model":"short","messages":[{"role":"user","content":"a"}],"{{field}}":{{value}}}""");

        JsonNode error = answer["error"]!;
        Assert.AreEqual((400, field, "unsupported_value"), (status, (string)error["param"]!, (string)error["code"]!));
        Assert.StartsWith($"{field}: expected ", (string)error["message"]!);
    }

    [TestMethod]
    [DataRow(Texts, "frequency_penalty", "0"), DataRow(Texts, "user", "\"me\""), DataRow(Texts, "echo", "false")]
    [DataRow(Texts, "best_of", "1"), DataRow(Texts, "logit_bias", "{}"), DataRow(Texts, "stop", "null")]
    [DataRow(Chats, "tools", "[]"), DataRow(Chats, "tool_choice", "\"none\""), DataRow(Chats, "store", "false")]
    [DataRow(Chats, "response_format", "{\"type\":\"text\"}"), DataRow(Chats, "modalities", "[\"text\"]")]
    [DataRow(Texts, "top_p", "1"), DataRow(Texts, "top_p", "1.0"), DataRow(Chats, "top_p", "1")]
    [DataRow(Chats, "service_tier", "\"auto\""), DataRow(Chats, "metadata", "{\"a\":\"b\"}")]
    [DataRow(Chats, "reasoning_effort", "\"none\""), DataRow(Chats, "verbosity", "\"medium\"")]
    [DataRow(Chats, "safety_identifier", "\"me\""), DataRow(Chats, "parallel_tool_calls", "true")]
    [DataRow(Chats, "prompt_cache_key", "\"a\""), DataRow(Chats, "prompt_cache_retention", "\"24h\"")]
    public async Task Request_WithANeutralField_HasTheSameText(string path, string field, string value)
    {
        string start = path == Texts ? $$"""{"model":"short","prompt":"{{TinyServing.Row}}" """
            : $$"""{"model":"short","messages":[{"role":"user","content":"{{TinyServing.Row}}"}] """;
        JsonNode plain = await s_server.Ask(path, start + "}");

        JsonNode answer = await s_server.Ask(path, $"{start},\"{field}\":{value}}}");

        Assert.AreEqual(plain["choices"]!.ToJsonString(), answer["choices"]!.ToJsonString());
    }

    [TestMethod]
    [DataRow("temperature", "1e-400", "0, or 0.001 to 1000"), DataRow("temperature", "-1e-400", "0, or 0.001 to 1000")]
    [DataRow("temperature", "1e400", "a number"), DataRow("temperature", "1000.00000001", "0, or 0.001 to 1000")]
    [DataRow("temperature", "0.00099999999999", "0, or 0.001 to 1000")]
    [DataRow("top_p", "1e-400", "above 0 and at most 1"), DataRow("top_p", "1.000000001", "above 0 and at most 1")]
    [DataRow("top_p", "1e400", "a number"), DataRow("max_tokens", "1e2", "a whole number of 32 bits")]
    [DataRow("max_tokens", "5.0", "a whole number of 32 bits"), DataRow("max_tokens", "1e400", "a whole number of 32")]
    [DataRow("max_tokens", "-0", "1 or more"), DataRow("max_tokens", "4294967297", "a whole number of 32 bits")]
    [DataRow("max_tokens", "18446744073709551617", "a whole number of 32 bits")]
    [DataRow("seed", "4294967296", "a whole number of 32 bits"), DataRow("seed", "1e-400", "a whole number of 32 bits")]
    [DataRow("n", "1e0", "1 to 128"), DataRow("n", "4294967297", "1 to 128"), DataRow("n", "1.0", "1 to 128")]
    [DataRow("logprobs", "1e-400", "0 to 20"), DataRow("logprobs", "4294967296", "0 to 20")]
    [DataRow("presence_penalty", "1e-400", "0 or null"), DataRow("frequency_penalty", "-1e-999", "0 or null")]
    [DataRow("best_of", "1.0000000000000000001", "1 or null"), DataRow("best_of", "4294967297", "1 or null")]
    public async Task Request_OfANumberThatWouldBeAnother_GetsItsField(string field, string number, string expected)
    {
        (int status, JsonNode answer) = await s_server.Post(Texts,
            $$"""{"model":"short","prompt":"a","{{field}}":{{number}}}""");

        Assert.AreEqual((400, field), (status, (string?)answer["error"]!["param"]), answer.ToJsonString());
        Assert.StartsWith($"{field}: expected {expected}", (string)answer["error"]!["message"]!);
    }

    [TestMethod]
    [DataRow("temperature", "-0", "0"), DataRow("temperature", "0e9", "0"), DataRow("temperature", "0.0e-999", "0")]
    [DataRow("seed", "-0", "0"), DataRow("presence_penalty", "-0.0", "0"), DataRow("frequency_penalty", "0e5", "0")]
    [DataRow("logprobs", "-0", "0"), DataRow("top_p", "10e-1", "1")]
    public async Task Request_OfANumberWrittenOtherwise_HasTheSameText(string field, string number, string plain)
    {
        JsonNode first = await Ask(plain), other = await Ask(number);
        Assert.AreEqual(first["choices"]!.ToJsonString(), other["choices"]!.ToJsonString());

        Task<JsonNode> Ask(string value) => s_server.Ask(Texts,
            $$"""{"model":"short","prompt":"{{TinyServing.Row}}","{{field}}":{{value}}}""");
    }

    [TestMethod]
    public void Generation_OfAMassJustBelowOne_StillDraws()
    {
        using var body = JsonDocument.Parse("""{"model":"short","prompt":"a","top_p":0.99999999999}""");
        GenerationOptions asked = CompletionRequest.Read(body.RootElement, isChat: false)
            .Generation(new GenerationOptions(), ownTokens: 5, mostTokens: 5);
        Assert.IsTrue(asked.Decoding is SamplingDecoding { TopP: < 1 }, $"{asked.Decoding}");
    }

    [TestMethod]
    public async Task Request_OfAnUnknownModel_ListsTheKnownOnes()
    {
        (int status, JsonNode answer) = await s_server.Post(Texts, new { model = "tall\n", prompt = "a" });

        Assert.AreEqual((404, "model"), (status, (string)answer["error"]!["param"]!));
        Assert.AreEqual("model: expected one of 'tiny', 'long', 'short', found 'tall\\u000a'.",
            (string)answer["error"]!["message"]!);
        using HttpResponseMessage one = await s_server.Client.GetAsync("/v1/models/tall");
        Assert.AreEqual(404, (int)one.StatusCode);
    }

    [TestMethod]
    public async Task Request_WithTooLongABody_Gets413()
    {
        string prompt = new('a', 5000);
        (int status, JsonNode answer) = await s_server.Post(Texts, new { model = "short", prompt });
        Assert.AreEqual((413, "body_too_large"), (status, (string)answer["error"]!["code"]!));

        // The same without a length in front.
        using var request = new HttpRequestMessage(HttpMethod.Post, Texts)
        {
            Content = RunningServer.Content(new { model = "short", prompt }),
        };
        request.Headers.TransferEncodingChunked = true;
        using HttpResponseMessage chunked = await s_server.Client.SendAsync(request);
        Assert.AreEqual(413, (int)chunked.StatusCode);
    }

    [TestMethod]
    [DataRow(20, 100, "n"), DataRow(1, 250, "max_tokens")]
    public async Task Request_OfMoreThanTheCacheHolds_GetsTheFieldThatAsksForIt(int n, int most, string field)
    {
        await using RunningServer server =
            await RunningServer.Start(options: new TextGeneratorOptions { CacheTokens = 200 });

        (int status, JsonNode answer) = await server.Post(Texts,
            new { model = "short", prompt = "a", n, max_tokens = most, temperature = 1 });

        Assert.AreEqual((400, field), (status, (string)answer["error"]!["param"]!));
        Assert.StartsWith($"{field}: expected at most 200 tokens of prefix", (string)answer["error"]!["message"]!);
    }

    [TestMethod]
    public async Task Request_OfTooLongAPrompt_Gets400()
    {
        string prompt = string.Concat(Enumerable.Repeat("name : Venue | ", 120));
        (int status, JsonNode answer) = await s_server.Post(Texts, new { model = "short", prompt });
        Assert.AreEqual((400, "prompt"), (status, (string)answer["error"]!["param"]!));
        Assert.StartsWith("Request: expected a prompt of at most", (string)answer["error"]!["message"]!);
    }

    [TestMethod]
    [DataRow("text/plain"), DataRow("application/x-www-form-urlencoded"), DataRow("application/json; charset=utf-16")]
    public async Task Request_WithAnotherContentType_Gets415(string type)
    {
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes("""{"model":"short","prompt":"a"}"""));
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        using HttpResponseMessage answer = await s_server.Client.PostAsync(Texts, content);
        Assert.AreEqual(415, (int)answer.StatusCode);
    }

    [TestMethod]
    [DataRow("application/json"), DataRow("application/json; charset=UTF-8")]
    [DataRow("application/json; charset=\"utf-8\"")]
    public async Task Request_OfJsonHoweverItIsCalled_IsAnswered(string type)
    {
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes("""{"model":"short","prompt":"a"}"""));
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        using HttpResponseMessage answer = await s_server.Client.PostAsync(Texts, content);
        Assert.AreEqual(200, (int)answer.StatusCode);
    }

    [TestMethod]
    public async Task Request_OfAnUnknownPathOrMethod_GetsAnErrorInJson()
    {
        foreach ((string path, int status) in new Dictionary<string, int>
        {
            ["/v1/embeddings"] = 404,
            ["/v1/../../etc/passwd"] = 404,
            [Texts] = 405,
        })
        {
            using HttpResponseMessage answer = await s_server.Client.GetAsync(path);
            Assert.AreEqual(status, (int)answer.StatusCode, path);
            JsonNode body = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
            Assert.AreEqual("invalid_request_error", (string)body["error"]!["type"]!, path);
        }
        Assert.DoesNotContain("passwd", s_server.Lines);
    }
}
