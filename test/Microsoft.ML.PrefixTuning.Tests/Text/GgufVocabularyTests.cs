using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

[TestClass]
[TestCategory("Quick")]
public sealed class GgufVocabularyTests
{
    private const string Keys = "tokenizer.ggml.";

    private static TextRules Third => new() { Version = 3 };

    // Folder, key, its new value (null: removed), the kind of the refusal and how its message begins.
    public static IEnumerable<object?[]> Faults =>
    [
        ["gpt2", "model", "quantum", typeof(NotSupportedException), "m.gguf: 'tokenizer.ggml.model': found 'quantum'"],
        ["gpt2", "model", null, typeof(FormatException), "m.gguf: 'tokenizer.ggml.model' is missing"],
        ["gpt2", "pre", "quantum", typeof(NotSupportedException), "m.gguf: 'tokenizer.ggml.pre': found 'quantum'"],
        ["gpt2", "tokens", null, typeof(FormatException), "m.gguf: 'tokenizer.ggml.tokens' is missing"],
        ["gpt2", "tokens", 7u, typeof(FormatException),
            "m.gguf: 'tokenizer.ggml.tokens': expected a list of String, found 7"],
        ["gpt2", "tokens", Enumerable.Repeat("a", 900).ToArray(), typeof(FormatException),
            "m.gguf: 'tokenizer.ggml.tokens': token 'a' stands twice"],
        ["gpt2", "token_type", new int[10], typeof(FormatException),
            "m.gguf: 'tokenizer.ggml.token_type': expected one for each of 900 tokens, found 10"],
        ["gpt2", "token_type", new int[900], typeof(FormatException),
            "m.gguf: 'tokenizer.ggml.tokens': token 0: expected a text, a type from 1 to 6"],
        ["gpt2", "merges", null, typeof(FormatException), "m.gguf: 'tokenizer.ggml.merges' is missing"],
        ["gpt2", "merges", (string[])["a b", "zz zz"], typeof(FormatException),
            "m.gguf: 'tokenizer.ggml.merges': merge 1: expected tokens of the vocabulary, found 'zz'."],
        ["gpt2", "eos_token_id", 900u, typeof(FormatException),
            "m.gguf: 'tokenizer.ggml.eos_token_id': expected an id from 0 to 899, found 900"],
        ["gpt2", "add_bos_token", 1u, typeof(FormatException),
            "m.gguf: 'tokenizer.ggml.add_bos_token': expected true or false, found 1"],
        ["llama-sentencepiece", "scores", null, typeof(FormatException), "m.gguf: 'tokenizer.ggml.scores' is missing"],
        ["llama-sentencepiece", "scores", Enumerable.Repeat(float.NaN, 1000).ToArray(), typeof(FormatException),
            "m.gguf: 'tokenizer.ggml.tokens': token 0"],
    ];

    [TestMethod]
    [DynamicData(nameof(Faults))]
    public void FromGguf_OneKeyWrong_RefusedByFileAndKey(string folder, string key, object? value, Type kind,
        string message)
    {
        Dictionary<string, object> metadata = Metadata(folder);
        if (value is null)
            metadata.Remove(Keys + key);
        else
            metadata[Keys + key] = value;

        var fault = Assert.Throws<Exception>(() => PretrainedTokenizer.FromGguf(metadata, "m.gguf", 1000));

        Assert.IsInstanceOfType(fault, kind);
        Assert.StartsWith(message, fault.Message);
    }

    [TestMethod]
    public void FromGguf_MoreTokensThanRows_Refused()
    {
        Dictionary<string, object> metadata = Metadata("gpt2");

        var fault =
            Assert.ThrowsExactly<FormatException>(() => PretrainedTokenizer.FromGguf(metadata, "m.gguf", 899));

        Assert.AreEqual(
            "m.gguf: 'tokenizer.ggml.tokens': token 'Ġserv': expected an id from 0 to 898 (the vocabulary of the"
                + " model), found 899.", fault.Message);
    }

    [TestMethod]
    [DataRow("gpt2", null, "")]
    [DataRow("gpt2", true, "5")]
    [DataRow("llama3", null, "5")]
    [DataRow("llama3", false, "")]
    [DataRow("llama-sentencepiece", null, "5")]
    [DataRow("llama-sentencepiece", false, "")]
    public void Prologue_BeginToken_AsTheFileAsksElseAsTheKindHasIt(string folder, bool? adds, string prologue)
    {
        Dictionary<string, object> metadata = Metadata(folder);
        metadata[Keys + "bos_token_id"] = 5u;
        if (adds is bool flag)
            metadata[Keys + "add_bos_token"] = flag;

        Assert.AreEqual(prologue, string.Join(' ', PretrainedTokenizer.FromGguf(metadata, "m.gguf", 1000).Prologue));
    }

    [TestMethod]
    public void FromGguf_WithoutSpacePrefix_TextStaysAsItIs()
    {
        Dictionary<string, object> metadata = Metadata("llama-sentencepiece");
        PretrainedTokenizer with = PretrainedTokenizer.FromGguf(metadata, "m.gguf", 1000);
        metadata[Keys + "add_space_prefix"] = false;
        PretrainedTokenizer without = PretrainedTokenizer.FromGguf(metadata, "m.gguf", 1000);

        CollectionAssert.AreEqual(with.Encode("the pub"), without.Encode(" the pub"));
        Assert.AreEqual(" the pub", without.Decode(without.Encode(" the pub")));
        Assert.AreEqual("the pub", without.Decode(without.Encode("the pub")));
    }

    /// <summary>Ids of llama.cpp (LLamaSharp 0.30.0), which puts a space in front of text behind any token.</summary>
    [TestMethod]
    [DataRow("the<tool>pub", "274 1000 702")]
    [DataRow("the <tool> pub", "274 921 1000 921 702")]
    [DataRow("<tool>pub", "1000 702")]
    [DataRow("pub<tool><tool>pub", "702 1000 1000 702")]
    [DataRow(" <tool>", "921 921 1000")]
    public void Encode_UserDefinedTokenOfSentencePiece_ASpaceBehindIt(string text, string ids)
    {
        PretrainedTokenizer tokenizer = PretrainedTokenizer.FromGguf(WithTool(), "m.gguf", 1001);

        Assert.AreEqual(ids, string.Join(' ', tokenizer.Encode(text)));
        Assert.IsEmpty(tokenizer.FormerRules);
    }

    [TestMethod]
    public void Encode_UserDefinedTokenByTheThirdRules_NoSpaceBehindIt()
    {
        Dictionary<string, object> metadata = WithTool();
        PretrainedTokenizer former = PretrainedTokenizer.FromGguf(metadata, "m.gguf", 1001, Third);

        Assert.AreEqual("274 1000 935 649", string.Join(' ', former.Encode("the<tool>pub")));
        Assert.AreEqual("m.gguf: 'tokenizer.ggml.token_type': no space is put in front of text behind a user-defined "
            + "token, today one is", former.FormerRules.Single());
        metadata[Keys + "add_space_prefix"] = false;
        Assert.IsEmpty(PretrainedTokenizer.FromGguf(metadata, "m.gguf", 1001, Third).FormerRules);
    }

    /// <summary>As llama.cpp, which takes a byte's own character where the byte has no token.</summary>
    [TestMethod]
    [DataRow(1)]
    [DataRow(6)]
    public void FromGguf_TabInPlaceOfItsByte_IsTheTabsToken(int type)
    {
        const string Text = "the\tpub\t";
        Dictionary<string, object> metadata = Metadata("llama-sentencepiece");
        int[] expected = PretrainedTokenizer.FromGguf(metadata, "m.gguf", 1000).Encode(Text);
        int id = Replace(metadata, "<0x09>", "\t", type);
        PretrainedTokenizer tokenizer = PretrainedTokenizer.FromGguf(metadata, "m.gguf", 1000);

        CollectionAssert.AreEqual(expected, tokenizer.Encode(Text, out int lost));
        Assert.AreEqual((2, 0), (expected.Count(token => token == id), lost));
        Assert.AreEqual(Text, tokenizer.Decode(expected));
    }

    [TestMethod]
    [DataRow("<0x09>", "a tab", 1)]
    [DataRow("<0x09>", "\t", 3)]
    [DataRow("<0xC3>", "\u00C3\u00C3", 1)]
    public void FromGguf_ByteThatNothingStandsFor_Refused(string token, string instead, int type)
    {
        Dictionary<string, object> metadata = Metadata("llama-sentencepiece");
        Replace(metadata, token, instead, type);

        var fault = Assert.ThrowsExactly<FormatException>(() => PretrainedTokenizer.FromGguf(metadata, "m.gguf", 1000));

        Assert.AreEqual($"m.gguf: 'tokenizer.ggml.tokens': expected a token for each byte, '{token}' is missing.",
            fault.Message);
    }

    // With a token that the user defined, 1000.
    private static Dictionary<string, object> WithTool()
    {
        Dictionary<string, object> metadata = Metadata("llama-sentencepiece");
        metadata[Keys + "tokens"] = (string[])[.. (string[])metadata[Keys + "tokens"], "<tool>"];
        metadata[Keys + "scores"] = (float[])[.. (float[])metadata[Keys + "scores"], 0];
        metadata[Keys + "token_type"] = (int[])[.. (int[])metadata[Keys + "token_type"], 4];
        return metadata;
    }

    // Another token in place of one; its id.
    private static int Replace(Dictionary<string, object> metadata, string token, string instead, int type)
    {
        string[] tokens = [.. (string[])metadata[Keys + "tokens"]];
        int[] types = [.. (int[])metadata[Keys + "token_type"]];
        int id = Array.IndexOf(tokens, token);
        (tokens[id], types[id]) = (instead, type);
        (metadata[Keys + "tokens"], metadata[Keys + "token_type"]) = (tokens, types);
        return id;
    }

    private static Dictionary<string, object> Metadata(string folder) =>
        new(GgufKeys.Read(Path.Combine(Fixtures.Require(Fixtures.Tokenizers), folder, "vocab.gguf")));
}
