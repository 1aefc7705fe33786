using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>
/// What files do not say or say beside the vocabulary, by today's rules and by those of former models.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TextRulesTests
{
    private const string Pre = "tokenizer.ggml.pre", Architecture = "general.architecture";

    private readonly TemporaryFolder _folder = new();

    [TestCleanup]
    public void Delete() => _folder.Dispose();

    [TestMethod]
    [DataRow("qwen2", "qwen2", null)]
    [DataRow("qwen2", "qwen3", null)]
    [DataRow("qwen2", "qwen2", "default")]
    [DataRow("gpt2", "gpt2", null)]
    [DataRow("gpt2", "gptneox", "default")]
    [DataRow("qwen2", "qwen3", "")]
    public void Encode_PreTokenizerNotSaid_FollowsFromTheArchitecture(string folder, string architecture, string? pre)
    {
        PretrainedTokenizer tokenizer = FromGguf(folder, architecture, pre, TextRules.Latest);

        foreach ((string text, int[] ids) in Golden(folder))
            CollectionAssert.AreEqual(ids, tokenizer.Encode(text), text);
        Assert.IsEmpty(tokenizer.FormerRules);
    }

    [TestMethod]
    [DataRow(null, "none")]
    [DataRow("", "none")]
    [DataRow("default", "'default'")]
    public void FromGguf_PreTokenizerOfSeveral_RefusedWithTheRemedy(string? pre, string found)
    {
        Dictionary<string, object> metadata = Metadata("llama3", "llama", pre);

        var fault = Assert.ThrowsExactly<NotSupportedException>(
            () => PretrainedTokenizer.FromGguf(metadata, "m.gguf", 1000, TextRules.Latest));

        Assert.AreEqual($"m.gguf: 'tokenizer.ggml.pre': expected the name of a pre-tokenizer, found {found}, and the "
            + "architecture 'llama' has models of several. Name the one that the model was trained with, by "
            + "BaseModel.FromGguf(path, preTokenizer) or --pre-tokenizer: 'gpt-2', 'smollm', 'llama-bpe', 'qwen2', "
            + "'gpt-4o', 'dbrx', 'smaug-bpe', 'refact' (Llama 3: 'llama-bpe').", fault.Message);
    }

    [TestMethod]
    public void FromGguf_PreTokenizerOfAnotherName_RefusedWithTheRemedy()
    {
        Dictionary<string, object> metadata = Metadata("llama3", "llama", "llama-v9");

        var fault = Assert.ThrowsExactly<NotSupportedException>(
            () => PretrainedTokenizer.FromGguf(metadata, "m.gguf", 1000, TextRules.Latest));

        Assert.StartsWith("m.gguf: 'tokenizer.ggml.pre': found 'llama-v9', supported are 'gpt-2', ", fault.Message);
        Assert.EndsWith("Where one of them cuts text alike, name it by BaseModel.FromGguf(path, preTokenizer) or"
            + " --pre-tokenizer.", fault.Message);
    }

    [TestMethod]
    [DataRow("llama3", null, "llama-bpe")]
    [DataRow("smollm", "default", "smollm")]
    [DataRow("smollm", "qwen2", "smollm")]
    public void Encode_PreTokenizerNamedByTheCaller_GoesBeforeTheFiles(string folder, string? pre, string named)
    {
        PretrainedTokenizer tokenizer = FromGguf(folder, "llama", pre, TextRules.Latest with { PreTokenizer = named });

        foreach ((string text, int[] ids) in Golden(folder))
            CollectionAssert.AreEqual(ids, tokenizer.Encode(text), text);
    }

    [TestMethod]
    public void FromGguf_PreTokenizerNamedToSentencePiece_Refused()
    {
        Dictionary<string, object> metadata = Metadata("llama-sentencepiece", "llama", null);

        var fault = Assert.ThrowsExactly<NotSupportedException>(() => PretrainedTokenizer.FromGguf(metadata, "m.gguf",
            1000, TextRules.Latest with { PreTokenizer = "qwen2" }));

        Assert.AreEqual("m.gguf: 'tokenizer.ggml.model': found 'llama', a kind of tokenizer that has no pre-tokenizer; "
            + "expected none to be named, found 'qwen2'.", fault.Message);
    }

    [TestMethod]
    [DataRow("qwen2", "qwen2", "today by that of 'qwen2'")]
    [DataRow("llama3", "llama", "today a pre-tokenizer is asked for")]
    public void Encode_ByTheFirstRules_AsGpt2AndSaysSo(string folder, string architecture, string today)
    {
        PretrainedTokenizer former = FromGguf(folder, architecture, null, TextRules.First);
        PretrainedTokenizer gpt2 = FromGguf(folder, architecture, "gpt-2", TextRules.Latest);

        CollectionAssert.AreEqual(gpt2.Encode("well-known 12345"), former.Encode("well-known 12345"));
        Assert.AreEqual($"m.gguf: 'tokenizer.ggml.pre' is missing: text is cut by GPT-2's pattern, {today}",
            former.FormerRules.Single());
        Assert.IsEmpty(FromGguf(folder, architecture, "gpt-2", TextRules.First).FormerRules);
    }

    [TestMethod]
    [DataRow("llama-sentencepiece", "tokenizer.model")]
    [DataRow("llama-sentencepiece", "tokenizer.json")]
    [DataRow("t5-unigram", "spiece.model")]
    public void Encode_WithoutPrefixSpace_TextStaysAsItIs(string folder, string file)
    {
        PretrainedTokenizer with = FromFolder(folder, file, "{}", TextRules.Latest);
        PretrainedTokenizer without = FromFolder(folder, file, """{ "add_prefix_space": false }""", TextRules.Latest);

        PretrainedTokenizer asked = FromFolder(folder, file, """{ "add_prefix_space": true }""", TextRules.Latest);
        CollectionAssert.AreEqual(with.Encode("near the pub"), asked.Encode("near the pub"));
        CollectionAssert.AreNotEqual(with.Encode("near the pub"), without.Encode("near the pub"));
        Assert.AreEqual("near the pub", without.Decode(without.Encode("near the pub")));
        if (folder == "llama-sentencepiece")
        {
            CollectionAssert.AreEqual(with.Encode("near the pub"), without.Encode(" near the pub"));
            Assert.AreEqual(" near the pub", without.Decode(without.Encode(" near the pub")));
        }
    }

    [TestMethod]
    [DataRow("llama-sentencepiece", "tokenizer.model")]
    [DataRow("llama-sentencepiece", "tokenizer.json")]
    [DataRow("t5-unigram", "spiece.model")]
    public void Encode_WithoutPrefixSpaceByTheFirstRules_PassedOverAndSaid(string folder, string file)
    {
        PretrainedTokenizer with = FromFolder(folder, file, "{}", TextRules.First);
        PretrainedTokenizer former = FromFolder(folder, file, """{ "add_prefix_space": false }""", TextRules.First);

        CollectionAssert.AreEqual(with.Encode("near the pub"), former.Encode("near the pub"));
        Assert.IsEmpty(with.FormerRules);
        Assert.StartsWith("tokenizer_config.json: 'add_prefix_space' is false", former.FormerRules.Single());
    }

    [TestMethod]
    [DataRow("eos_token_id", uint.MaxValue)]
    [DataRow("bos_token_id", -1)]
    [DataRow("unknown_token_id", uint.MaxValue)]
    [DataRow("padding_token_id", 100_000u)]
    public void FromGguf_IdThatMeansNone_IsNone(string key, object id)
    {
        Dictionary<string, object> metadata = Metadata("llama3", "llama", "llama-bpe");
        (metadata["tokenizer.ggml.bos_token_id"], metadata["tokenizer.ggml.eos_token_id"]) = (5u, 6u);
        (metadata["tokenizer.ggml.add_bos_token"], metadata["tokenizer.ggml.add_eos_token"]) = (true, true);
        metadata[$"tokenizer.ggml.{key}"] = id;

        PretrainedTokenizer tokenizer = PretrainedTokenizer.FromGguf(metadata, "m.gguf", 1000);

        CollectionAssert.AreEqual(key == "bos_token_id" ? [] : (int[])[5], tokenizer.Prologue.ToArray());
        CollectionAssert.AreEqual(key == "eos_token_id" ? [] : (int[])[6], tokenizer.Epilogue.ToArray());
    }

    private PretrainedTokenizer FromFolder(string folder, string file, string settings, TextRules rules)
    {
        File.Copy(Path.Combine(Fixtures.Require(Fixtures.Tokenizers), folder, file), _folder[file], overwrite: true);
        File.WriteAllText(_folder["tokenizer_config.json"], settings);
        return PretrainedTokenizer.FromFolder(_folder.Path, 1100, rules);
    }

    private static PretrainedTokenizer FromGguf(string folder, string architecture, string? pre, TextRules rules) =>
        PretrainedTokenizer.FromGguf(Metadata(folder, architecture, pre), "m.gguf", 1000, rules);

    private static Dictionary<string, object> Metadata(string folder, string architecture, string? pre)
    {
        string file = Path.Combine(Fixtures.Require(Fixtures.Tokenizers), folder, "vocab.gguf");
        var metadata = new Dictionary<string, object>(GgufKeys.Read(file)) { [Architecture] = architecture };
        metadata.Remove(Pre);
        if (pre is not null)
            metadata[Pre] = pre;
        return metadata;
    }

    private static IEnumerable<(string Text, int[] Ids)> Golden(string folder)
    {
        string file = Path.Combine(Fixtures.Require(Fixtures.Tokenizers), folder, "golden.json");
        return JsonElement.Parse(File.ReadAllBytes(file)).GetProperty("texts").EnumerateArray().Select(item => (
            item.GetProperty("text").GetString()!,
            item.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToArray()));
    }
}
