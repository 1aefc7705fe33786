using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Tests;
using Microsoft.ML.PrefixTuning.Tool.Serving;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Server.Tests;

/// <summary>Texts over HTTP are those of the generator.</summary>
[TestClass]
public sealed class CompletionTests
{
    private const string Path = "/v1/completions";

    private static RunningServer s_server = null!;

    [ClassInitialize]
    public static async Task Start(TestContext _) => s_server = await RunningServer.Start();

    [ClassCleanup]
    public static async Task Stop() => await s_server.DisposeAsync();

    [TestMethod]
    [DataRow("short", "short")]
    [DataRow("tiny:long", "long")]
    [DataRow("tiny", null)]
    public async Task Completion_OfAModel_HasTheGeneratorsText(string model, string? prefix)
    {
        TextResult expected = await Generate(prefix);

        JsonNode answer = await s_server.Ask(Path, new { model, prompt = TinyServing.Row, max_tokens = 12 });

        Assert.AreEqual(("text_completion", model[(model.IndexOf(':') + 1)..]),
            ((string)answer["object"]!, (string)answer["model"]!));
        Assert.AreEqual(expected.Text, (string)answer["choices"]![0]!["text"]!);
        Assert.AreEqual("length", (string)answer["choices"]![0]!["finish_reason"]!);
        JsonNode usage = answer["usage"]!;
        Assert.AreEqual((expected.PromptTokens, expected.NewTokens, expected.PromptTokens + expected.NewTokens),
            ((int)usage["prompt_tokens"]!, (int)usage["completion_tokens"]!, (int)usage["total_tokens"]!));
    }

    [TestMethod]
    public async Task Completion_InAStream_HasTheSameTextInPieces()
    {
        TextResult expected = await Generate("short");

        List<JsonNode> events = await s_server.Stream(Path, new
        {
            model = "short",
            prompt = (string[])[TinyServing.Row],
            max_tokens = 12,
            stream = true,
            stream_options = new { include_usage = true },
        });

        Assert.IsGreaterThan(4, events.Count);
        Assert.AreEqual(expected.Text, string.Concat(events[..^1].Select(one => (string)one["choices"]![0]!["text"]!)));
        Assert.AreEqual("length", (string)events[^2]["choices"]![0]!["finish_reason"]!);
        Assert.IsEmpty(events[^1]["choices"]!.AsArray());
        Assert.AreEqual(expected.NewTokens, (int)events[^1]["usage"]!["completion_tokens"]!);
        // As OpenAI's pieces have it.
        Assert.IsTrue(events[..^1].All(one => one.AsObject().ContainsKey("usage") && one["usage"] is null));
        Assert.HasCount(1, events.Select(one => (string)one["id"]!).Distinct());
    }

    [TestMethod]
    public async Task Completion_WithOptions_WritesByThem()
    {
        Decoding drawn = Decoding.Sampling(0.7, topP: 0.9, seed: 5);
        TextResult expected = await Generate("short", drawn, sequences: 3);
        string whole = (await Generate("short")).Text;

        JsonNode several = await s_server.Ask(Path, new
        {
            model = "short",
            prompt = TinyServing.Row,
            max_tokens = 12,
            temperature = 0.7,
            top_p = 0.9,
            seed = 5,
            n = 3,
        });
        string[] stop = ["never", whole[2..4]];
        JsonNode stopped = await s_server.Ask(Path,
            new { model = "short", prompt = TinyServing.Row, max_tokens = 12, stop });

        CollectionAssert.AreEqual(expected.Completions.Select(one => one.Text).ToArray(),
            several["choices"]!.AsArray().Select(one => (string)one!["text"]!).ToArray());
        CollectionAssert.AreEqual((int[])[0, 1, 2],
            several["choices"]!.AsArray().Select(one => (int)one!["index"]!).ToArray());
        Assert.AreEqual((whole[..2], "stop"), ((string)stopped["choices"]![0]!["text"]!,
            (string)stopped["choices"]![0]!["finish_reason"]!));
    }

    [TestMethod]
    public async Task Completion_WithLogProbabilities_TellsThoseOfEveryToken()
    {
        var body = new { model = "short", prompt = TinyServing.Row, max_tokens = 5, logprobs = 2, stream = false };
        JsonNode answer = await s_server.Ask(Path, body);
        List<JsonNode> events = await s_server.Stream(Path, new
        {
            body.model,
            body.prompt,
            body.max_tokens,
            body.logprobs,
            stream = true
        });

        JsonNode told = answer["choices"]![0]!["logprobs"]!;
        string text = (string)answer["choices"]![0]!["text"]!;
        string[] tokens = [.. told["tokens"]!.AsArray().Select(one => (string)one!)];
        Assert.AreEqual(text, string.Concat(tokens));
        for (int i = 0; i < tokens.Length; i++)
        {
            // Greedy: the token is the most probable one.
            JsonObject top = told["top_logprobs"]![i]!.AsObject();
            Assert.HasCount(2, top);
            Assert.AreEqual((double)told["token_logprobs"]![i]!, top.Max(one => (double)one.Value!));
            Assert.AreEqual((double)told["token_logprobs"]![i]!, (double)top[tokens[i]]!);
            Assert.AreEqual(string.Concat(tokens[..i]).Length, (int)told["text_offset"]![i]!);
        }
        Assert.IsFalse(events.Any(one => one.AsObject().ContainsKey("usage")));
        CollectionAssert.AreEqual(tokens, Streamed("tokens").Select(one => (string)one!).ToArray());
        CollectionAssert.AreEqual(told["text_offset"]!.AsArray().Select(one => (int)one!).ToArray(),
            Streamed("text_offset").Select(one => (int)one!).ToArray());

        IEnumerable<JsonNode?> Streamed(string name) => events.Select(one => one["choices"]![0]!["logprobs"])
            .OfType<JsonNode>().SelectMany(one => one[name]!.AsArray());
    }

    [TestMethod]
    public void Response_OfASplitCharacter_HasWhereItsTokensBeginInTheText()
    {
        TokenLogProbability[] tokens =
        [
            new("\uFFFD", [0xC3], -1), new("\uFFFD", [0xA4], -1) { Start = 0 }, new("<x>", [], -1) { Start = 1 },
            new("b", [0x62], -1) { Start = 1 },
        ];
        var completion = new TextCompletion("äb", FinishReason.Length, 4) { LogProbabilities = tokens };

        JsonNode answer = new ResponseJson(isChat: false, "short").Whole(new TextResult([completion], 1, false));
        JsonNode last = new ResponseJson(isChat: false, "short")
            .Chunk(new TextPiece("b") { LogProbabilities = tokens[3..] });

        Assert.AreEqual("[0,0,1,1]", answer["choices"]![0]!["logprobs"]!["text_offset"]!.ToJsonString());
        Assert.AreEqual("[1]", last["choices"]![0]!["logprobs"]!["text_offset"]!.ToJsonString());
    }

    [TestMethod]
    public async Task Completion_OfASavedModel_HasItsTemplateAndOptions()
    {
        using var folder = new TemporaryFolder();
        string model = TinyServing.Train(folder, "--template", "say {input}:", "--max-new-tokens", "7");
        BaseModel baseModel = BaseModel.FromFolder(TinyServing.BasePath);
        foreach (PrefixEntry entry in PrefixEntry.Read("saved", model, baseModel, start => start))
            s_server.Models.Add(entry);
        var context = new MLContext(seed: 1);
        using var loaded = (PrefixTuningTransformer)context.Model.Load(model, out _);
        using TextGenerator own = loaded.CreateGenerator();
        TextResult expected = await own.GenerateAsync(new TextRequest { Text = TinyServing.Row });

        JsonNode answer = await s_server.Ask(Path, new { model = "saved", prompt = TinyServing.Row });

        Assert.AreEqual(expected.Text, (string)answer["choices"]![0]!["text"]!);
        Assert.AreEqual((expected.PromptTokens, 7),
            ((int)answer["usage"]!["prompt_tokens"]!, (int)answer["usage"]!["completion_tokens"]!));
        s_server.Models.Remove("saved");
    }

    [TestMethod]
    public async Task Completion_OfAModelSavedWithSeveralTexts_HasOneWhereNoneAreAskedFor()
    {
        Decoding drawn = Decoding.Sampling(0.7, seed: 5);
        TextResult expected = await Generate("short", drawn);
        Add("several", drawn, sequences: 2);

        JsonNode one = await s_server.Ask(Path, new { model = "several", prompt = TinyServing.Row });
        JsonNode two = await s_server.Ask(Path, new { model = "several", prompt = TinyServing.Row, n = 2 });
        List<JsonNode> events = await s_server.Stream(Path,
            new { model = "several", prompt = TinyServing.Row, n = 1, stream = true });

        Assert.AreEqual(expected.Text, (string)one["choices"]!.AsArray().Single()!["text"]!);
        Assert.HasCount(2, two["choices"]!.AsArray());
        Assert.AreEqual(expected.Text, string.Concat(events.Select(part => (string)part["choices"]![0]!["text"]!)));
        s_server.Models.Remove("several");
    }

    [TestMethod]
    public async Task Completion_OfAModelSavedWithBeams_IsNotStreamed()
    {
        Add("beams", Decoding.Beam(2), sequences: 2);

        JsonNode whole = await s_server.Ask(Path, new { model = "beams", prompt = TinyServing.Row });
        (int status, JsonNode refused) = await s_server.Post(Path,
            new { model = "beams", prompt = TinyServing.Row, stream = true });

        Assert.HasCount(1, whole["choices"]!.AsArray());
        Assert.AreEqual((400, "stream"), (status, (string)refused["error"]!["param"]!));
        Assert.StartsWith("stream: expected false or a temperature", (string)refused["error"]!["message"]!);
        s_server.Models.Remove("beams");
    }

    [TestMethod]
    public void Read_OfASavedModelWhoseBaseIsGone_TakesItsPrefixOut()
    {
        using var folder = new TemporaryFolder();
        string model;
        using (TemporaryFolder other = new TemporaryFolder().CopyFrom(TinyServing.BasePath))
            model = TinyServing.TrainOn(other.Path, folder);

        PrefixEntry entry = PrefixEntry
            .Read("saved", model, BaseModel.FromFolder(TinyServing.BasePath), start => start).Single();
        s_server.Models.Add(entry);

        Assert.AreEqual(3, entry.Prefix.Length);
        s_server.Models.Remove("saved");
    }

    [TestMethod]
    public async Task Completion_OfALineBreak_KeepsIt()
    {
        const string Text = "a\nb\tä";
        TextResult expected = await s_server.Generator.GenerateAsync(new TextRequest { Text = Text, Prefix = "short" });

        JsonNode answer = await s_server.Ask(Path, new { model = "short", prompt = Text });

        Assert.AreEqual((expected.Text, expected.PromptTokens),
            ((string)answer["choices"]![0]!["text"]!, (int)answer["usage"]!["prompt_tokens"]!));
    }

    /// <summary>Serves the prefix of <c>short</c> with options that it was saved with.</summary>
    private static void Add(string name, Decoding decoding, int sequences) => s_server.Models.Add(
        new PrefixEntry(name, $"{name}.zip", TinyServing.Random(2), new GenerationOptions
        {
            MaxNewTokens = 12,
            Decoding = decoding,
            SequenceCount = sequences,
        }));

    private static Task<TextResult> Generate(string? prefix, Decoding? decoding = null, int sequences = 1) =>
        s_server.Generator.GenerateAsync(new TextRequest
        {
            Text = TinyServing.Row,
            Prefix = prefix,
            Generation = new GenerationOptions
            {
                MaxNewTokens = 12,
                Decoding = decoding ?? Decoding.Greedy,
                SequenceCount = sequences,
            },
        });
}
