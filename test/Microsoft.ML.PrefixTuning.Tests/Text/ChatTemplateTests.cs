using System;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>Chat templates: which form they are found to be, and the texts that the forms give.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class ChatTemplateTests
{
    private const string ImChat = "<|im_start|>system\nBe short.<|im_end|>\n<|im_start|>user\n Hi <|im_end|>\n"
        + "<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n";

    private const string PhiChat = "<|system|>\nBe short.<|end|>\n<|user|>\n Hi <|end|>\n<|assistant|>\nHello<|end|>\n"
        + "<|user|>\nWho?<|end|>\n<|assistant|>\n";

    private static readonly TextMessage[] Chat =
    [
        new(MessageRole.System, "Be short."), new(MessageRole.User, " Hi "), new(MessageRole.Assistant, "Hello"),
        new(MessageRole.User, "Who?"),
    ];

    // Written by hand.
    [TestMethod]
    [DataRow(ChatTexts.SmolLM2, "ChatML", ImChat)]
    [DataRow(ChatTexts.OpenHermes, "ChatML", ImChat)]
    [DataRow(ChatTexts.Qwen25, "ChatML", ImChat)]
    [DataRow(ChatTexts.Llama3, "Llama 3", "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe short."
        + "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant"
        + "<|end_header_id|>\n\nHello<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nWho?<|eot_id|>"
        + "<|start_header_id|>assistant<|end_header_id|>\n\n")]
    [DataRow(ChatTexts.Llama2, "Llama 2", "<s>[INST] <<SYS>>\nBe short.\n<</SYS>>\n\n Hi [/INST] Hello </s>"
        + "<s>[INST] Who? [/INST]")]
    [DataRow(ChatTexts.Phi3, "Phi-3", PhiChat)]
    public void Parts_OfAChat_AreItsFormsText(string written, string name, string expected)
    {
        ChatTemplate template = ChatTemplate.Read(written);

        Assert.AreEqual(name, template.Name);
        Assert.AreEqual(expected, Text(template, Chat, opens: false));
        Assert.IsTrue(template.Parts(Chat, opens: false).Any(part => part is { Text: "Be short.", IsMarkup: false }));
    }

    [TestMethod]
    [DataRow(ChatTexts.Gemma, "Gemma", "<bos><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nHello"
        + "<end_of_turn>\n<start_of_turn>user\nWho?<end_of_turn>\n<start_of_turn>model\n")]
    [DataRow(ChatTexts.Mistral, "Mistral", "<s>[INST]  Hi  [/INST]Hello</s>[INST] Who? [/INST]")]
    [DataRow(ChatTexts.Phi3Pairs, "Phi-3 without system messages", "<s><|user|>\n Hi <|end|>\n<|assistant|>\nHello"
        + "<|end|>\n<|user|>\nWho?<|end|>\n<|assistant|>\n")]
    public void Parts_OfAFormWithoutSystemMessages_RefuseThem(string written, string name, string expected)
    {
        ChatTemplate template = ChatTemplate.Read(written);

        Assert.AreEqual(name, template.Name);
        Assert.AreEqual(expected, Text(template, Chat[1..], opens: false));
        Assert.AreEqual($"Request, message 1 (the first is 1): the chat template ({name}) expects no system message,"
            + " found one of role System.", Refused(template, Chat));
        Assert.AreEqual($"Request, message 2 (the first is 1): the chat template ({name}) expects user and model to"
            + " take turns, here one of role Assistant, found one of role User.",
            Refused(template, [Chat[1], Chat[3]]));
    }

    [TestMethod]
    [DataRow(ChatTexts.SmolLM2, "You are a helpful AI assistant named SmolLM, trained by Hugging Face")]
    [DataRow(ChatTexts.Qwen25, "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.")]
    public void Parts_WithoutASystemMessage_HaveTheTemplatesOwn(string written, string system) => Assert.AreEqual(
        $"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{{input}}<|im_end|>\n<|im_start|>assistant\n",
        ChatTemplate.Read(written).OfRows(opens: false));

    [TestMethod]
    public void Parts_BehindABeginToken_HaveNoOther()
    {
        Assert.AreEqual("[INST] {input} [/INST]", ChatTemplate.Read(ChatTexts.Llama2).OfRows(opens: true));
        Assert.AreEqual("<s>[INST] {input} [/INST]", ChatTemplate.Read(ChatTexts.Llama2).OfRows(opens: false));
        Assert.StartsWith("<start_of_turn>user", ChatTemplate.Read(ChatTexts.Gemma).OfRows(opens: true));
    }

    [TestMethod]
    [DataRow("{% for message in messages %}{{ message['content'] | upper }}{% endfor %}")]
    [DataRow("")]
    public void Read_OfAnotherTemplate_NamesThoseKnown(string written)
    {
        var error = Assert.ThrowsExactly<NotSupportedException>(() => ChatTemplate.Read(written));
        StringAssert.StartsWith(error.Message, "Chat template: expected that of one of ChatML, Llama 3, Gemma, Mistral,"
            + " Llama 2, Phi-3, Phi-3 without system messages, found another one");
    }

    [TestMethod]
    public void Find_OfATemplateWithOneLineBreakLess_FindsNone() => Assert.IsNull(ChatTemplate.Find(
        ChatTexts.Llama3.Replace("'<|end_header_id|>\n\n'", "'<|end_header_id|>\n'", StringComparison.Ordinal)));

    [TestMethod]
    public void Parts_WithoutALastMessageOfTheUser_AreRefused()
    {
        ChatTemplate template = ChatTemplate.Read(ChatTexts.SmolLM2);
        Assert.AreEqual("Request, messages: expected a message of the user as the last one, found no message.",
            Refused(template, []));
        Assert.AreEqual("Request, messages: expected a message of the user as the last one, found one of role"
            + " Assistant.", Refused(template, Chat[..3]));
    }

    [TestMethod]
    public void Encode_OfAChat_FindsSpecialTokensInMarkupOnly()
    {
        PretrainedTokenizer tokenizer = PretrainedTokenizer.FromFolder(TinyBase.Folder("llama"));
        ChatTemplate template = ChatTemplate.Read(ChatTexts.OpenHermes);
        int[] plain = Ids("name : Venue 1"), hostile = Ids("<|im_end|>");

        CollectionAssert.AreEqual(tokenizer.EncodeTemplate(
            "<|im_start|>user\nname : Venue 1<|im_end|>\n<|im_start|>assistant\n"), plain);
        Assert.AreEqual((2, 1), (hostile.Count(id => id == 0), hostile.Count(id => id == 2)));
        Assert.AreEqual("user\n<|im_end|>\nassistant\n", tokenizer.Decode(hostile));
        // A token that lies across an end of the markup is none.
        Assert.DoesNotContain(0, tokenizer.Encode([new("<|im_", true), new("start|>", false)], out _));

        int[] Ids(string text) => tokenizer.Encode(template.Parts([new(MessageRole.User, text)], false), out _);
    }

    [TestMethod]
    [DataRow("""{ "chat_template": "one" }""", null, "one")]
    [DataRow("""{ "chat_template": "one" }""", "two", "two")]
    [DataRow("""{ "chat_template": [ { "name": "tool_use", "template": "a" }, { "name": "default", "template": "b" } ] }""",
        null, "b")]
    [DataRow("""{ "chat_template": [ { "name": "tool_use", "template": "a" } ] }""", null, null)]
    [DataRow("{ }", null, null)]
    public void ChatTemplate_OfAFolder_IsThatOfItsFiles(string settings, string? file, string? expected)
    {
        using TemporaryFolder folder = new TemporaryFolder().CopyFrom(TinyBase.Folder("llama"));
        File.WriteAllText(folder["tokenizer_config.json"], settings);
        if (file is not null)
            File.WriteAllText(folder["chat_template.jinja"], file);

        Assert.AreEqual(expected, PretrainedTokenizer.FromFolder(folder.Path).ChatTemplate);
    }

    [TestMethod]
    public void OpenChatTemplate_OfABaseWithoutOne_IsRefused()
    {
        var none = Assert.ThrowsExactly<InvalidOperationException>(() => TinyBase.Llama.OpenChatTemplate());
        StringAssert.Contains(none.Message, "expected a chat template (chat_template in tokenizer_config.json");
    }

    private static string Text(ChatTemplate template, TextMessage[] messages, bool opens) =>
        string.Concat(template.Parts(messages, opens).Select(part => part.Text));

    private static string Refused(ChatTemplate template, TextMessage[] messages) =>
        Assert.ThrowsExactly<ArgumentException>(() => template.Parts(messages, opens: false)).Message;
}
