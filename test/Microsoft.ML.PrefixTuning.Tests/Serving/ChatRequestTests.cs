using System;
using System.Linq;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Tests.Text;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Serving;

/// <summary>Requests of messages: which template they go through, and when there is none.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class ChatRequestTests
{
    private static readonly TextMessage Question = new(MessageRole.User, "name : Venue 1");

    private static readonly TextMessage[] Chat =
        [new(MessageRole.System, "Be short."), Question, new(MessageRole.Assistant, "A pub."), Question];

    private static ServedBase s_plain = null!;
    private static ServedBase s_chats = null!;

    [ClassInitialize]
    public static void Make(TestContext _) =>
        (s_plain, s_chats) = (new ServedBase("tiny-llama"), new ServedBase("tiny-llama", ChatTexts.SmolLM2));

    [ClassCleanup]
    public static void Free()
    {
        s_plain.Dispose();
        s_chats.Dispose();
    }

    [TestMethod]
    public async Task Messages_OfTheBaseAlone_GoThroughItsChatTemplate()
    {
        const string Before = "<|im_start|>system\nBe short.<|im_end|>\n<|im_start|>user\nname : Venue 1<|im_end|>\n"
            + "<|im_start|>assistant\nA pub.<|im_end|>\n<|im_start|>user\n";
        using TextGenerator generator = s_chats.Model.CreateGenerator();
        using TextGenerator byHand = s_chats.Model.CreateGenerator(null,
            new TextGenerationOptions { Template = Before + "{input}<|im_end|>\n<|im_start|>assistant\n" });

        TextResult found = await generator.GenerateAsync(new TextRequest(Chat));
        TextResult expected = await byHand.GenerateAsync(new TextRequest { Text = Question.Text });

        Assert.AreEqual((expected.Text, expected.PromptTokens), (found.Text, found.PromptTokens));
        // One message of the user is a chat too.
        int tokens = (await generator.GenerateAsync(new TextRequest([Question]))).PromptTokens;
        Assert.AreNotEqual((await generator.GenerateAsync(new TextRequest { Text = Question.Text })).PromptTokens,
            tokens);
    }

    [TestMethod]
    public async Task Messages_OfAModelWithTheChatTemplate_GoThroughIt()
    {
        string template = s_chats.Model.OpenChatTemplate();
        using TextGenerator generator = s_chats.Model.CreateGenerator(s_chats.Prefixes,
            new TextGenerationOptions { Template = template });

        TextResult row = await generator.GenerateAsync(new TextRequest { Text = Question.Text, Prefix = "short" });
        TextResult one = await generator.GenerateAsync(new TextRequest([Question]) { Prefix = "short" });
        TextResult all = await generator.GenerateAsync(new TextRequest(Chat) { Prefix = "short" });

        Assert.AreEqual((row.Text, row.PromptTokens), (one.Text, one.PromptTokens));
        Assert.IsGreaterThan(0, all.NewTokens);
    }

    [TestMethod]
    public async Task Messages_OfAModelOfRows_AreOneOfTheUser()
    {
        foreach ((ServedBase served, string why) in new[]
        {
            (s_plain, "its base has no chat template"),
            (s_chats, "it was made for rows: its Template is not the base's chat template"),
        })
        {
            using TextGenerator generator = served.Model.CreateGenerator(served.Prefixes);
            TextResult row = await generator.GenerateAsync(new TextRequest { Text = Question.Text, Prefix = "long" });
            TextResult one = await generator.GenerateAsync(new TextRequest([Question]) { Prefix = "long" });

            Assert.AreEqual((row.Text, row.PromptTokens), (one.Text, one.PromptTokens));
            await Refuses(new TextRequest(Chat) { Prefix = "long" }, why, "found 4 messages.");
            await Refuses(new TextRequest([Chat[0]]) { Prefix = "long" }, why, "found one of role System.");
            await Refuses(new TextRequest([]) { Prefix = "long" }, why, "found 0 messages.");

            async Task Refuses(TextRequest request, string why, string found)
            {
                var error = await Assert.ThrowsExactlyAsync<ArgumentException>(() => generator.GenerateAsync(request));
                StringAssert.StartsWith(error.Message,
                    $"Request, messages: this model takes one message of the user, since {why}");
                Assert.EndsWith(found, error.Message);
            }
        }
    }

    [TestMethod]
    public async Task Messages_OfABaseWithAnUnknownTemplate_AreRefusedAndTextsAreNot()
    {
        using var served = new ServedBase("tiny-llama", "{{ messages | tojson }}");
        using TextGenerator generator = served.Model.CreateGenerator(served.Prefixes);

        var error = await Assert.ThrowsExactlyAsync<NotSupportedException>(() =>
            generator.GenerateAsync(new TextRequest([Question])));

        StringAssert.StartsWith(error.Message, "Chat template: expected that of one of ChatML, Llama 3");
        StringAssert.Contains(error.Message, "'{{ messages | tojson }}'");
        TextResult row = await generator.GenerateAsync(new TextRequest { Text = Question.Text, Prefix = "short" });
        Assert.AreEqual(row.Text,
            (await generator.GenerateAsync(new TextRequest([Question]) { Prefix = "short" })).Text);
    }

    [TestMethod]
    public async Task Messages_ThatDoNotFit_AreNeverCut()
    {
        using TextGenerator generator = s_chats.Model.CreateGenerator();
        var request = new TextRequest([.. Enumerable.Repeat(Chat[1..3], 40).SelectMany(pair => pair), Question])
        {
            Generation = new() { MaxNewTokens = 5, Truncation = PromptTruncation.Start },
        };

        var error = await Assert.ThrowsExactlyAsync<ArgumentException>(() => generator.GenerateAsync(request));

        StringAssert.StartsWith(error.Message, "Request: expected a prompt of at most 315 tokens");
        Assert.EndsWith("(messages are never cut).", error.Message);
        var both = await Assert.ThrowsExactlyAsync<ArgumentException>(() =>
            generator.GenerateAsync(new TextRequest(Chat) { Text = "x" }));
        Assert.AreEqual("Request: expected Text or Messages, found both.", both.Message);
    }

    [TestMethod]
    public async Task Messages_ThatAreNone_AreRefusedByNumber()
    {
        using TextGenerator plain = s_plain.Model.CreateGenerator(), chats = s_chats.Model.CreateGenerator();
        foreach (TextGenerator generator in (TextGenerator[])[plain, chats])
        {
            await Refused(generator, null!, "null");
            await Refused(generator, new TextMessage(MessageRole.User, null!), "one without a text");
            await Refused(generator, new TextMessage((MessageRole)9, "x"), "one of role 9");
        }

        static async Task Refused(TextGenerator generator, TextMessage message, string found) => Assert.AreEqual(
            "Request, message 2 (the first is 1): expected a text of the system, the user or the assistant, found"
            + $" {found}.", (await Assert.ThrowsExactlyAsync<ArgumentException>(() =>
                generator.GenerateAsync(new TextRequest([Question, message])))).Message);
    }
}
