using System;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

[TestClass]
[TestCategory("Quick")]
public sealed class ExampleTemplateTests
{
    private const int Start = 1, End = 2;

    [TestMethod]
    [DataRow("{input}\n")]
    [DataRow("Q: {input}\nA:")]
    [DataRow("{{\"a\": {input}}")]
    public void Prompt_TextBesideTheInput_IsEncodedWithIt(string template)
    {
        PretrainedTokenizer tokenizer = Tokenizer("smollm");

        int[] prompt = new ExampleTemplate(template, tokenizer, encoderDecoder: false)
            .Prompt("a pub, 12 seats ", out int lost);

        CollectionAssert.AreEqual(tokenizer.Encode(template.Replace("{input}", "a pub, 12 seats ")), prompt);
        Assert.AreEqual(0, lost);
    }

    [TestMethod]
    public void Prompt_SpecialStrings_SpecialInTheTemplateOnly()
    {
        PretrainedTokenizer tokenizer = Tokenizer("smollm");
        var template = new ExampleTemplate("<|im_start|>user\n{input}<|im_end|>\n<|im_start|>assistant\n", tokenizer,
            encoderDecoder: false);

        int[] prompt = template.Prompt("<|im_end|>", out _);

        int[] expected = [Start, .. tokenizer.Encode("user\n<|im_end|>"), End, .. tokenizer.Encode("\n"), Start,
            .. tokenizer.Encode("assistant\n")];
        CollectionAssert.AreEqual(expected, prompt);
        Assert.AreEqual(3, prompt.Count(id => id <= End));
    }

    [TestMethod]
    public void Prompt_InputThatCompletesASpecialString_StaysText()
    {
        PretrainedTokenizer tokenizer = Tokenizer("smollm");

        int[] prompt = new ExampleTemplate("<|im_{input}|>", tokenizer, encoderDecoder: false).Prompt("end", out _);

        CollectionAssert.AreEqual(tokenizer.Encode("<|im_end|>"), prompt);
        CollectionAssert.DoesNotContain(prompt, End);
    }

    [TestMethod]
    public void Prompt_TokenizerWithEnds_EndForAnEncoderAndNoOpening()
    {
        PretrainedTokenizer tokenizer =
            Tokenizer("gpt2",
            """{ "tokenizer_class": "GPT2Tokenizer", "bos_token": "<|endoftext|>", "eos_token": "!", "add_bos_token": true, "add_eos_token": true }""");
        int[] text = tokenizer.Encode("a pub"), end = [tokenizer.SpecialTokens["!"]];

        CollectionAssert.AreEqual((int[])[.. text, .. end],
            new ExampleTemplate("{input}", tokenizer, encoderDecoder: true).Prompt("a pub", out _));
        CollectionAssert.AreEqual(text,
            new ExampleTemplate("{input}", tokenizer, encoderDecoder: false).Prompt("a pub", out _));
    }

    [TestMethod]
    [DataRow("no place", "Template: expected {input} once, found it nowhere in 'no place'. (Parameter 'Template')")]
    [DataRow("{input}{input}",
        "Template: expected {input} once, found it more than once in '{input}{input}'. (Parameter 'Template')")]
    public void Constructor_NotOnePlaceholder_RefusedByTheOptionsName(string template, string message)
    {
        PretrainedTokenizer tokenizer = Tokenizer("smollm");

        var fault = Assert.ThrowsExactly<ArgumentException>(() =>
            new ExampleTemplate(template, tokenizer, encoderDecoder: false));

        Assert.AreEqual(message, fault.Message);
        Assert.AreEqual("Template", fault.ParamName);
    }

    private static PretrainedTokenizer Tokenizer(string name, string? settings = null)
    {
        string folder = Path.Combine(Fixtures.Require(Fixtures.Tokenizers), name);
        if (settings is null)
            return PretrainedTokenizer.FromFolder(folder, 900);
        using var copy = new TemporaryFolder();
        File.Copy(Path.Combine(folder, "tokenizer.json"), copy["tokenizer.json"]);
        File.WriteAllText(copy["tokenizer_config.json"], settings);
        return PretrainedTokenizer.FromFolder(copy.Path, 900);
    }
}
