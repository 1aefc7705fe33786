using System;
using System.ClientModel;
using System.ClientModel.Primitives;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Tests;
using Microsoft.ML.PrefixTuning.Tests.Serving;
using Microsoft.ML.PrefixTuning.Tool.Serving;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Models;

namespace Microsoft.ML.PrefixTuning.Server.Tests;

/// <summary>The client package of OpenAI finds what it expects.</summary>
[TestClass]
public sealed class OpenAIClientTests
{
    private static TemporaryFolder s_folder = null!;
    private static RunningServer s_server = null!;

    [ClassInitialize]
    public static async Task Start(TestContext _)
    {
        s_folder = TinyServing.WithChatTemplate();
        s_server = await RunningServer.Start(baseModel: BaseModel.FromFolder(s_folder.Path));
    }

    [ClassCleanup]
    public static async Task Stop()
    {
        await s_server.DisposeAsync();
        s_folder.Dispose();
    }

    [TestMethod]
    public async Task CompleteChat_OfAPrefix_HasItsText()
    {
        TextResult expected = await s_server.Generator.GenerateAsync(
            new TextRequest { Text = TinyServing.Row, Prefix = "short" });

        ChatCompletion answer = await Client("short").CompleteChatAsync(new UserChatMessage(TinyServing.Row));

        Assert.AreEqual(expected.Text, answer.Content.Single().Text);
        Assert.AreEqual((ChatMessageRole.Assistant, "short"), (answer.Role, answer.Model));
        Assert.AreEqual((expected.PromptTokens, expected.NewTokens),
            (answer.Usage.InputTokenCount, answer.Usage.OutputTokenCount));
        Assert.AreEqual(expected.FinishReason == FinishReason.Length ? ChatFinishReason.Length : ChatFinishReason.Stop,
            answer.FinishReason);
    }

    [TestMethod]
    public async Task CompleteChat_OfTheBase_WritesTheWholeChatByItsTemplate()
    {
        TextResult expected = await s_server.Generator.GenerateAsync(new TextRequest(
        [
            new(MessageRole.System, "Be short."), new(MessageRole.User, "a"), new(MessageRole.Assistant, "b"),
            new(MessageRole.User, "cd"),
        ]));

        ChatCompletion answer = await Client(RunningServer.BaseName).CompleteChatAsync(
            new SystemChatMessage("Be short."), new UserChatMessage("a"), new AssistantChatMessage("b"),
            new UserChatMessage(ChatMessageContentPart.CreateTextPart("c"),
                ChatMessageContentPart.CreateTextPart("d")));

        Assert.AreEqual((expected.Text, expected.PromptTokens),
            (answer.Content.Single().Text, answer.Usage.InputTokenCount));
    }

    [TestMethod]
    public async Task CompleteChat_WithOptions_WritesByThem()
    {
        Decoding drawn = Decoding.Sampling(0.7, topP: 0.9, seed: 5);
        TextResult expected = await s_server.Generator.GenerateAsync(new TextRequest
        {
            Text = TinyServing.Row,
            Prefix = "long",
            Generation = new GenerationOptions { MaxNewTokens = 9, Decoding = drawn },
        });
        string whole = (await s_server.Generator.GenerateAsync(
            new TextRequest { Text = TinyServing.Row, Prefix = "long" })).Text;
        ChatMessage[] chat = [new UserChatMessage(TinyServing.Row)];

        ChatCompletion answer = await Client("long").CompleteChatAsync(chat, new ChatCompletionOptions
        {
            MaxOutputTokenCount = 9,
            Temperature = 0.7f,
            TopP = 0.9f,
            Seed = 5,
        });
        ChatCompletion stopped = await Client("long").CompleteChatAsync(chat,
            new ChatCompletionOptions { StopSequences = { whole[2..4] }, EndUserId = "somebody" });

        Assert.AreEqual(expected.Text, answer.Content.Single().Text);
        Assert.AreEqual((whole[..2], ChatFinishReason.Stop), (stopped.Content.Single().Text, stopped.FinishReason));
    }

    [TestMethod]
    public async Task CompleteChat_WithLogProbabilities_TellsThem()
    {
        ChatCompletion answer = await Client("short").CompleteChatAsync([new UserChatMessage(TinyServing.Row)],
            new ChatCompletionOptions
            {
                MaxOutputTokenCount = 6,
                IncludeLogProbabilities = true,
                TopLogProbabilityCount = 3,
            });

        Assert.AreEqual(answer.Content.Single().Text,
            string.Concat(answer.ContentTokenLogProbabilities.Select(token => token.Token)));
        foreach (ChatTokenLogProbabilityDetails token in answer.ContentTokenLogProbabilities)
        {
            Assert.HasCount(3, token.TopLogProbabilities);
            Assert.AreEqual((token.Token, token.LogProbability),
                (token.TopLogProbabilities[0].Token, token.TopLogProbabilities[0].LogProbability));
            Assert.IsLessThanOrEqualTo(0, token.LogProbability);
        }
    }

    [TestMethod]
    public async Task CompleteChatStreaming_OfAPrefix_GivesItsTextInPieces()
    {
        ChatCompletion whole = await Client("short").CompleteChatAsync(new UserChatMessage(TinyServing.Row));
        var updates = new List<StreamingChatCompletionUpdate>();

        await foreach (StreamingChatCompletionUpdate update in
            Client("short").CompleteChatStreamingAsync(new UserChatMessage(TinyServing.Row)))
            updates.Add(update);

        Assert.AreEqual(whole.Content.Single().Text,
            string.Concat(updates.SelectMany(update => update.ContentUpdate).Select(part => part.Text)));
        Assert.AreEqual(ChatMessageRole.Assistant, updates[0].Role);
        Assert.AreEqual(whole.FinishReason, updates.Single(update => update.FinishReason is not null).FinishReason);
        Assert.AreEqual(whole.Usage.OutputTokenCount, updates[^1].Usage.OutputTokenCount);
    }

    [TestMethod]
    public async Task CompleteChatStreaming_ThatIsCancelled_LeavesTheBatch()
    {
        using var source = new CancellationTokenSource();
        s_server.Models.Add(new PrefixEntry("endless", "endless.safetensors", TinyServing.Random(3),
            new GenerationOptions { MinNewTokens = 100, MaxNewTokens = 100 }));
        int pieces = 0;

        using (new HeldLoop(s_server.Generator))
        {
            await Assert.ThrowsAsync<OperationCanceledException>(async () =>
            {
                await foreach (StreamingChatCompletionUpdate _ in Client("endless").CompleteChatStreamingAsync(
                    [new UserChatMessage(TinyServing.Row)], cancellationToken: source.Token))
                {
                    if (++pieces == 2)
                        await source.CancelAsync();
                }
            });
        }
        s_server.Models.Remove("endless");

        // The next one is served, with the cancelled one's lanes.
        ChatCompletion next = await Client("short").CompleteChatAsync(new UserChatMessage(TinyServing.Row));
        Assert.IsGreaterThan(0, next.Usage.OutputTokenCount);
    }

    [TestMethod]
    public async Task CompleteChat_OfAnUnknownModel_NamesThoseThatAreKnown()
    {
        var fault = await Assert.ThrowsExactlyAsync<ClientResultException>(async () =>
            await Client("tall").CompleteChatAsync(new UserChatMessage(TinyServing.Row)));

        Assert.AreEqual(404, fault.Status);
        Assert.Contains("model: expected one of 'tiny', 'long', 'short', found 'tall'.", fault.Message);
    }

    [TestMethod]
    public async Task GetModels_OfTheServer_AreBaseAndPrefixes()
    {
        OpenAIModelClient client = new(new ApiKeyCredential("none needed"), Options());

        OpenAIModelCollection models = await client.GetModelsAsync();

        CollectionAssert.AreEqual((string[])["tiny", "long", "short"], models.Select(model => model.Id).ToArray());
        Assert.AreEqual("long", (await client.GetModelAsync("long")).Value.Id);
    }

    [TestMethod]
    [DataRow("HuggingFaceTB/describe", "HuggingFaceTB/describe")]
    [DataRow("tiny:HuggingFaceTB/describe", "HuggingFaceTB/describe")]
    [DataRow("tiny:short", "short")]
    [DataRow("tiny", "tiny")]
    public async Task GetModel_OfANameWithASlashOrOfBaseAndPrefix_FindsIt(string asked, string found)
    {
        s_server.Add("HuggingFaceTB/describe", 3);
        try
        {
            OpenAIModelClient client = new(new ApiKeyCredential("none needed"), Options());

            OpenAIModel model = await client.GetModelAsync(asked);

            Assert.AreEqual(found, model.Id);
        }
        finally
        {
            s_server.Models.Remove("HuggingFaceTB/describe");
        }
    }

    private static ChatClient Client(string model) => new(model, new ApiKeyCredential("none needed"), Options());

    private static OpenAIClientOptions Options() => new()
    {
        Endpoint = new Uri(s_server.Address, "v1"),
        RetryPolicy = new ClientRetryPolicy(0),
    };
}
