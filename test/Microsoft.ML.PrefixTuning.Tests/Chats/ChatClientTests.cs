using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.AI;
using Microsoft.ML.PrefixTuning.Tests.Serving;
using Microsoft.ML.PrefixTuning.Tests.Text;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Chats;

/// <summary>A generator as a chat client: texts, streams, options, and what is refused.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class ChatClientTests
{
    private const string Question = "name : Venue 1";

    private static readonly GenerationOptions Endless = new() { MinNewTokens = 250, MaxNewTokens = 250 };

    private static ServedBase s_base = null!;
    private static TextGenerator s_generator = null!;
    private static IChatClient s_client = null!;

    [ClassInitialize]
    public static void Make(TestContext _)
    {
        s_base = new ServedBase("tiny-llama");
        s_generator = s_base.Model.CreateGenerator(s_base.Prefixes);
        s_client = s_generator.AsChatClient("short");
    }

    [ClassCleanup]
    public static void Free()
    {
        s_generator.Dispose();
        s_base.Dispose();
    }

    [TestMethod]
    [DataRow(null, "short")]
    [DataRow("long", "long")]
    public async Task GetResponseAsync_OfOneMessage_HasTheTextOfTheTransformer(string? model, string prefix)
    {
        string expected = s_base.Transform(prefix, s_generator.Generation, [Question])[0][0];

        ChatResponse response = await s_client.GetResponseAsync(Question, new ChatOptions { ModelId = model });

        Assert.AreEqual(expected, response.Text);
        Assert.AreEqual((prefix, ChatFinishReason.Stop), (response.ModelId, response.FinishReason));
        Assert.AreEqual(ChatRole.Assistant, response.Messages.Single().Role);
        var result = (TextResult)response.RawRepresentation!;
        int prompt = s_base.Model.OpenTokenizer().CountTokens(Question + "\n");
        Assert.AreEqual((prompt, result.NewTokens, prompt + result.NewTokens), ((int)response.Usage!.InputTokenCount!,
            (int)response.Usage.OutputTokenCount!, (int)response.Usage.TotalTokenCount!));
    }

    [TestMethod]
    public async Task GetStreamingResponseAsync_OfOneMessage_GivesItsTextInPieces()
    {
        ChatResponse whole = await s_client.GetResponseAsync(Question);
        var updates = new List<ChatResponseUpdate>();

        await foreach (ChatResponseUpdate update in s_client.GetStreamingResponseAsync(Question))
            updates.Add(update);

        ChatResponse joined = updates.ToChatResponse();
        Assert.IsGreaterThan(2, updates.Count);
        Assert.IsTrue(updates[..^1].TrueForAll(update => update.Text.Length > 0 && update.FinishReason is null));
        Assert.AreEqual(whole.Text, string.Concat(updates.Select(update => update.Text)));
        Assert.AreEqual((whole.Text, whole.FinishReason, whole.ModelId),
            (joined.Text, joined.FinishReason, joined.ModelId));
        Assert.AreEqual((whole.Usage!.InputTokenCount, whole.Usage.OutputTokenCount, whole.Usage.TotalTokenCount),
            (joined.Usage!.InputTokenCount, joined.Usage.OutputTokenCount, joined.Usage.TotalTokenCount));
        Assert.HasCount(1, joined.Messages);
        Assert.HasCount(1, updates.Select(update => update.ResponseId).Distinct());
    }

    [TestMethod]
    public async Task GetResponseAsync_WithStopsAndLimits_EndsThere()
    {
        string whole = (await s_client.GetResponseAsync(Question)).Text;

        ChatResponse limited = await s_client.GetResponseAsync(Question, new ChatOptions { MaxOutputTokens = 3 });
        ChatResponse stopped = await s_client.GetResponseAsync(Question,
            new ChatOptions { StopSequences = ["never", whole[2..4]] });

        Assert.AreEqual((ChatFinishReason.Length, 3L), (limited.FinishReason, limited.Usage!.OutputTokenCount));
        Assert.AreEqual((ChatFinishReason.Stop, whole[..2]), (stopped.FinishReason, stopped.Text));
    }

    [TestMethod]
    public async Task GetResponseAsync_WithDrawing_IsTheGeneratorsWithTheSameNumbers()
    {
        var options = new ChatOptions { Temperature = 0.7f, TopP = 0.9f, TopK = 20, Seed = 7 };
        string expected = await Text(Decoding.Sampling(0.7, topK: 20, topP: 0.9, seed: 7));

        Assert.AreEqual(expected, (await s_client.GetResponseAsync(Question, options)).Text);
        // Each one alone draws too, with the others as they are by themselves.
        Assert.AreEqual(await Text(Decoding.Sampling(1.5)), await Chat(new() { Temperature = 1.5f }));
        Assert.AreEqual(await Text(Decoding.Sampling(topP: 0.8)), await Chat(new() { TopP = 0.8f }));
        Assert.AreEqual(await Text(Decoding.Sampling(topK: 9, seed: 3)), await Chat(new() { TopK = 9, Seed = 3 }));
        string greedy = await Text(Decoding.Greedy);
        Assert.AreEqual(greedy, await Chat(new() { Temperature = 0, TopP = 0.9f, Seed = 3 }));
        Assert.AreEqual(greedy, await Chat(new() { Seed = 3 }));
        // Also where the generator draws several of its own.
        Assert.AreEqual(greedy, await Chat(new()
        {
            Temperature = 0,
            RawRepresentationFactory = _ => s_generator.Generation with
            {
                Decoding = Decoding.Sampling(),
                SequenceCount = 3,
            },
        }));
        // By itself it asks for nothing, beside another it says what is drawn from.
        Assert.AreEqual(greedy, await Chat(new() { TopP = 1 }));
        Assert.AreEqual(await Text(Decoding.Sampling(topK: 9)), await Chat(new() { TopK = 9, TopP = 1 }));
        Assert.AreNotEqual(expected, greedy);
        Assert.AreEqual(await Text(Decoding.Beam(3)), await Chat(new()
        {
            RawRepresentationFactory = _ => s_generator.Generation with { Decoding = Decoding.Beam(3) },
        }));

        async Task<string> Chat(ChatOptions one) => (await s_client.GetResponseAsync(Question, one)).Text;

        async Task<string> Text(Decoding decoding) => (await s_generator.GenerateAsync(new TextRequest
        {
            Text = Question,
            Prefix = "short",
            Generation = s_generator.Generation with { Decoding = decoding },
        })).Text;
    }

    [TestMethod]
    public async Task GetStreamingResponseAsync_ThatIsCancelled_Ends()
    {
        using var source = new CancellationTokenSource();
        var options = new ChatOptions { RawRepresentationFactory = _ => Endless };
        int pieces = 0;

        using (new HeldLoop(s_generator))
        {
            await Assert.ThrowsAsync<OperationCanceledException>(async () =>
            {
                await foreach (ChatResponseUpdate _ in
                    s_client.GetStreamingResponseAsync(Question, options, source.Token))
                {
                    pieces++;
                    await source.CancelAsync();
                }
            });
        }

        Assert.AreEqual(1, pieces);
        Task<ChatResponse> waiting = s_client.GetResponseAsync(Question, options, source.Token);
        await Assert.ThrowsAsync<OperationCanceledException>(() => waiting);
    }

    [TestMethod]
    public async Task GetResponseAsync_OfAnUnknownModelOrManyMessages_SaysWhatIsTaken()
    {
        StringAssert.StartsWith(await Refused<ArgumentException>([new(ChatRole.User, Question)],
            new() { ModelId = "tall" }),
            "Request, prefix: expected one of 'long', 'memory', 'other', 'short', found 'tall'.");
        const string One = "Request, messages: this model takes one message of the user, since its base has no chat"
            + " template; found ";
        Assert.AreEqual(One + "2 messages.",
            await Refused<ArgumentException>([new(ChatRole.User, "a"), new(ChatRole.User, "b")], new()));
        Assert.AreEqual(One + "2 messages.",
            await Refused<ArgumentException>([new(ChatRole.User, "a")], new() { Instructions = "Be short." }));
        Assert.AreEqual("Request, message 1 (the first is 1): expected the role system, user or assistant, found"
            + " 'tool'.",
            await Refused<NotSupportedException>([new(ChatRole.Tool, "a")], new()));
        Assert.AreEqual("Request, message 2 (the first is 1): expected one, found null.",
            await Refused<ArgumentException>([new(ChatRole.User, "a"), null!], new()));
        Assert.AreEqual("Request, message 1 (the first is 1): expected text, found UriContent.",
            await Refused<NotSupportedException>(
            [new(ChatRole.User, [new UriContent("http://localhost/a.png", "image/png")])], new()));
        var unknown = Assert.ThrowsExactly<ArgumentException>(() => s_generator.AsChatClient("tall"));
        StringAssert.StartsWith(unknown.Message,
            "AsChatClient, prefix: expected one of the generator's (long, memory, other, short), found 'tall'.");
    }

    [TestMethod]
    public async Task GetResponseAsync_WithAnOptionThatIsNotHonoured_NamesIt()
    {
        var refused = new Dictionary<string, ChatOptions>
        {
            ["FrequencyPenalty"] = new() { FrequencyPenalty = 0.5f },
            ["PresencePenalty"] = new() { PresencePenalty = -1 },
            ["ResponseFormat"] = new() { ResponseFormat = ChatResponseFormat.Json },
            ["Tools"] = new() { Tools = [AIFunctionFactory.Create(() => 1, "one")] },
            ["ToolMode"] = new() { ToolMode = ChatToolMode.RequireAny },
            ["Reasoning"] = new() { Reasoning = new() { Effort = ReasoningEffort.High } },
            ["ConversationId"] = new() { ConversationId = "7" },
        };
        foreach ((string name, ChatOptions options) in refused)
        {
            string message = await Refused<NotSupportedException>([new(ChatRole.User, Question)], options);
            StringAssert.StartsWith(message, $"ChatOptions.{name}: expected ");
        }
        var neutral = new ChatOptions
        {
            FrequencyPenalty = 0,
            PresencePenalty = 0,
            ResponseFormat = ChatResponseFormat.Text,
            Tools = [],
        };
        Assert.AreEqual((await s_client.GetResponseAsync(Question)).Text,
            (await s_client.GetResponseAsync(Question, neutral)).Text);
        StringAssert.StartsWith(await Refused<ArgumentException>([new(ChatRole.User, Question)],
            new() { Temperature = 1, Seed = long.MaxValue }), "ChatOptions.Seed: expected -2147483648 to");
        StringAssert.StartsWith(await Refused<ArgumentException>([new(ChatRole.User, Question)],
            new() { MaxOutputTokens = 0 }), "MaxNewTokens: expected 1 or more, found 0.");
    }

    [TestMethod]
    public async Task GetResponseAsync_OfABaseWithAChatTemplate_WritesTheWholeChat()
    {
        using var served = new ServedBase("tiny-llama", ChatTexts.SmolLM2);
        using TextGenerator generator = served.Model.CreateGenerator();
        using IChatClient client = generator.AsChatClient();
        ChatMessage[] chat = [new(ChatRole.User, "a"), new(ChatRole.Assistant, "b"), new(ChatRole.User, "c")];

        ChatResponse response = await client.GetResponseAsync(chat, new ChatOptions { Instructions = "Be short." });

        TextResult expected = await generator.GenerateAsync(new TextRequest([new(MessageRole.System, "Be short."),
            new(MessageRole.User, "a"), new(MessageRole.Assistant, "b"), new(MessageRole.User, "c")]));
        Assert.AreEqual((expected.Text, (long)expected.PromptTokens),
            (response.Text, response.Usage!.InputTokenCount));
        Assert.IsNull(response.ModelId);
    }

    [TestMethod]
    public void GetService_OfAClient_GivesGeneratorAndMetadata()
    {
        Assert.AreSame(s_generator, s_client.GetService<TextGenerator>());
        Assert.AreSame(s_client, s_client.GetService<IChatClient>());
        Assert.AreEqual("short", s_client.GetService<ChatClientMetadata>()!.DefaultModelId);
        Assert.IsNull(s_client.GetService<string>());
        Assert.IsNull(s_client.GetService<TextGenerator>("key"));
    }

    private static async Task<string> Refused<T>(ChatMessage[] messages, ChatOptions options)
        where T : Exception
    {
        var error = await Assert.ThrowsExactlyAsync<T>(() => s_client.GetResponseAsync(messages, options));
        Assert.ThrowsExactly<T>(() => { _ = s_client.GetStreamingResponseAsync(messages, options); });
        return error.Message;
    }
}
