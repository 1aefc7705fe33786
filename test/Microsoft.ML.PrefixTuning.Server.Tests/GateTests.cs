using System;
using System.IO;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Tests;
using Microsoft.ML.PrefixTuning.Tests.Serving;
using Microsoft.ML.PrefixTuning.Tool.Serving;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Server.Tests;

/// <summary>Keys, hosts, the queue, and what is told of a request.</summary>
[TestClass]
public sealed class GateTests
{
    private const string Key = "a-key-of-some-length", Other = "another-key-of-the-file";

    [TestMethod]
    public async Task Request_WithoutAKey_OpensNothingButHealth()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["keys.txt"], $"{Other}\n\n");
        ApiKeys keys = ApiKeys.Read(Key, folder["keys.txt"]);
        await using RunningServer server = await RunningServer.Start(new ServeSettings { Keys = keys });

        Assert.AreEqual(200, await Status("/health", null));
        foreach (string path in (string[])["/", "/v1/models", "/metrics", "/openapi/v1.json", "/nothing"])
        {
            Assert.AreEqual(401, await Status(path, null), path);
            Assert.AreEqual(401, await Status(path, new("Bearer", "a-key-of-some-lengtH")), path);
            Assert.AreEqual(path == "/nothing" ? 404 : 200, await Status(path, new("Bearer", Key)), path);
            Assert.AreEqual(path == "/nothing" ? 404 : 200, await Status(path, new("Bearer", Other)), path);
        }
        string pair = Convert.ToBase64String(Encoding.UTF8.GetBytes($":{Key}"));
        Assert.AreEqual(200, await Status("/", new("Basic", pair)));
        Assert.AreEqual(401, await Status("/", new("Basic", "no base64!")));
        Assert.AreEqual(401, (await server.Post("/v1/completions", new { model = "short", prompt = "a" })).Status);
        Assert.DoesNotContain(Key, server.Lines);

        async Task<int> Status(string path, AuthenticationHeaderValue? key)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Authorization = key;
            using HttpResponseMessage answer = await server.Client.SendAsync(request);
            return (int)answer.StatusCode;
        }
    }

    [TestMethod]
    public async Task Request_ByAnotherHost_IsRefused()
    {
        await using RunningServer server = await RunningServer.Start(
            new ServeSettings { AllowedHosts = ["texts.example.org"] });

        foreach ((string host, int status) in ((string, int)[])[("localhost", 200), ("LOCALHOST:80", 200),
            ("127.0.0.1", 200), ("[::1]:7", 200), ("texts.example.org", 200), ("evil.example.org", 421),
            ("localhost.evil.example.org", 421), ("texts.example.org.evil", 421)])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
            request.Headers.Host = host;
            using HttpResponseMessage answer = await server.Client.SendAsync(request);
            Assert.AreEqual(status, (int)answer.StatusCode, host);
            Assert.IsFalse(answer.Headers.Contains("Access-Control-Allow-Origin"));
        }
    }

    [TestMethod]
    public async Task Request_BeyondTheQueue_Gets429AndWhenToComeAgain()
    {
        await using RunningServer server = await RunningServer.Start(
            options: new TextGeneratorOptions { MaxRows = 1, QueueLimit = 1 });
        using var held = new HeldLoop(server.Generator);
        // What is written and what waits, for as long as the loop is held.
        GenerationOptions endless = new() { MinNewTokens = 250, MaxNewTokens = 250 };
        using var source = new System.Threading.CancellationTokenSource();
        var request = new TextRequest { Text = TinyServing.Row, Generation = endless };
        await using var first = server.Generator.StreamAsync(request, source.Token).GetAsyncEnumerator(source.Token);
        await first.MoveNextAsync();
        Task<TextResult> second = server.Generator.GenerateAsync(request, source.Token);

        foreach (bool stream in (bool[])[false, true])
        {
            using HttpResponseMessage answer = await server.Client.PostAsync("/v1/completions",
                RunningServer.Content(new { model = "short", prompt = "a", stream }));
            Assert.AreEqual(429, (int)answer.StatusCode);
            Assert.AreEqual(TimeSpan.FromSeconds(1), answer.Headers.RetryAfter!.Delta);
            JsonNode body = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
            Assert.AreEqual("rate_limit_error", (string)body["error"]!["type"]!);
        }
        await source.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => second);
    }

    [TestMethod]
    public async Task Request_BeyondItsTime_Gets503()
    {
        await using RunningServer server = await RunningServer.Start(
            new ServeSettings { TimeLimit = TimeSpan.FromMilliseconds(1) });

        (int status, JsonNode answer) = await server.Post("/v1/completions",
            new { model = "short", prompt = TinyServing.Row, max_tokens = 200 });

        Assert.AreEqual((503, "time_limit"), (status, (string)answer["error"]!["code"]!));
    }

    [TestMethod]
    public async Task Stop_WithoutTimeForWhatRuns_EndsItWithAnErrorEvent()
    {
        await using RunningServer server = await RunningServer.Start(new ServeSettings { DrainTime = TimeSpan.Zero });
        server.Models.Add(new PrefixEntry("endless", "endless.safetensors", TinyServing.Random(3),
            new GenerationOptions { MinNewTokens = 250, MaxNewTokens = 250 }));
        using var held = new HeldLoop(server.Generator);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = RunningServer.Content(new { model = "endless", prompt = TinyServing.Row, stream = true }),
        };
        using HttpResponseMessage running =
            await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);

        Task stop = server.Stop();
        string rest = await running.Content.ReadAsStringAsync();
        await stop;

        Assert.DoesNotContain("[DONE]", rest);
        string last = rest.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)[^1];
        Assert.AreEqual("stopping", (string)JsonNode.Parse(last["data: ".Length..])!["error"]!["code"]!);
    }

    [TestMethod]
    [DataRow(false), DataRow(true)]
    public async Task Log_OfARequest_HasItsTextsOnlyWhereAsked(bool logsTexts)
    {
        await using RunningServer server = await RunningServer.Start(new ServeSettings { LogsTexts = logsTexts });
        JsonNode answer = await server.Ask("/v1/completions", new { model = "short", prompt = "secret \u001b words" });
        await server.Stop();

        string line = server.Lines.TrimEnd();
        Assert.Contains(" POST /v1/completions 200 short ", line);
        Assert.AreEqual(logsTexts, line.Contains("secret \\u001b words", StringComparison.Ordinal));
        string text = (string)answer["choices"]![0]!["text"]!;
        Assert.AreEqual(logsTexts, line.Contains(text[..3], StringComparison.Ordinal));
        Assert.HasCount(1, line.Split('\n'));
    }

    [TestMethod]
    public async Task Log_OfAFaultOfTheServer_HasWhereItAroseAndTheClientNothingOfIt()
    {
        await using RunningServer server = await RunningServer.Start();
        // As no model has it: what reads the options fails.
        server.Models.Add(new PrefixEntry("broken", "broken.safetensors", TinyServing.Random(3), Generation: null!));

        (int status, JsonNode answer) =
            await server.Post("/v1/completions", new { model = "broken", prompt = TinyServing.Row });
        await server.Stop();

        Assert.AreEqual((500, "something went wrong here; the server's log has it."),
            (status, (string)answer["error"]!["message"]!));
        // The first one, or its caller once it is compiled into that.
        Assert.MatchesRegex("GenerationRules.Lengths|CompletionEndpoint.RequestOf", server.Lines);
    }

    [TestMethod]
    public void Keys_ThatAreShort_AreRefused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["keys.txt"], "short\n");
        var fault = Assert.ThrowsExactly<FormatException>(() => ApiKeys.Read(null, folder["keys.txt"]));
        Assert.DoesNotContain("short\n", fault.Message);
        File.WriteAllText(folder["keys.txt"], "\n");
        Assert.ThrowsExactly<FormatException>(() => ApiKeys.Read(null, folder["keys.txt"]));
        Assert.IsFalse(ApiKeys.Read(null, null).AreNeeded);
        Assert.IsFalse(ApiKeys.Read(Key, null).Open(null));
        Assert.IsTrue(ApiKeys.Read(Key, null).Open($"bearer {Key}"));
    }

    [TestMethod]
    [DataRow("with,comma\"quote=")]
    [DataRow("~!@#$%^&*()_+{}|:<>?")]
    [DataRow(";'[],./\\`-==")]
    public void Keys_OfAnyVisibleCharacters_Open(string key)
    {
        ApiKeys keys = ApiKeys.Read(key, null);
        Assert.IsTrue(keys.Open($"Bearer {key}"));
        Assert.IsTrue(keys.Open($"  BEARER   {key} "));
        Assert.IsTrue(keys.Open($"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"user:{key}"))}"));
        foreach (string other in (string[])[$"Bearer {key}x", $"Bearer{key}", $"Token {key}", "Bearer", key, ""])
            Assert.IsFalse(keys.Open(other), other);
    }
}
