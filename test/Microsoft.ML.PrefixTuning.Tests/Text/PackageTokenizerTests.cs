using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>
/// Why this library has readers and models of its own (docs/design.md): what Microsoft.ML.Tokenizers gives otherwise
/// than the reference. A release that gives it right turns one of these red.
/// </summary>
[TestClass]
[TestCategory("Tokenizers")]
public sealed class PackageTokenizerTests
{
    [TestMethod]
    public void Package_OnSentencePieceBpe_TakesTheRightmostOfEqualsAndDropsASpace()
    {
        string folder = Path.Combine(Fixtures.Require(Fixtures.Tokenizers), "llama-sentencepiece");
        using FileStream file = File.OpenRead(Path.Combine(folder, "tokenizer.model"));
        Tokenizer package = LlamaTokenizer.Create(file, addBeginOfSentence: false, addEndOfSentence: false);
        PretrainedTokenizer own = PretrainedTokenizer.FromFolder(folder);

        Assert.AreEqual("272 406 937", string.Join(' ', own.EncodeToIds("ffff")));
        Assert.AreEqual("272 937 406", string.Join(' ', package.EncodeToIds("ffff")));
        Assert.AreEqual("\n new train", own.Decode((IEnumerable<int>)[13, 641, 419]));
        Assert.AreEqual("\nnew train", package.Decode([13, 641, 419]));
    }

    [TestMethod]
    public void Package_OnAnUnigramFile_CannotReadIt()
    {
        string folder = Path.Combine(Fixtures.Require(Fixtures.Tokenizers), "t5-unigram");
        using FileStream file = File.OpenRead(Path.Combine(folder, "spiece.model"));

        Assert.ThrowsExactly<IndexOutOfRangeException>(() => SentencePieceTokenizer.Create(file, false, false));
    }

    [TestMethod]
    public void Package_OnLettersBeyondTheFirstPlane_CutsAtUtf16Units()
    {
        const string Pattern =
            @"\p{N}|'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
        const string Text = "  \U0001D7D8";
        PretrainedTokenizer own = PretrainedTokenizer.FromGguf(SmolLM2.Instruct135M.Path);
        string tokenizer = Path.Combine(Fixtures.Require(Fixtures.SmolLM2), "..", "..", "models",
            "smollm2-135m-instruct", "tokenizer.json");
        if (!File.Exists(tokenizer))
            Assert.Inconclusive("SmolLM2's tokenizer.json is not on this machine.");
        JsonElement model = JsonElement.Parse(File.ReadAllBytes(tokenizer)).GetProperty("model");
        var options = new BpeOptions(model.GetProperty("vocab").EnumerateObject()
            .Select(token => KeyValuePair.Create(token.Name, token.Value.GetInt32())))
        {
            Merges = model.GetProperty("merges").EnumerateArray().Select(Merge),
            ByteLevel = true,
            PreTokenizer = new RegexPreTokenizer(new Regex(Pattern), null),
        };

        Assert.AreEqual("256 23159 249 242", string.Join(' ', own.EncodeToIds(Text)));
        Assert.AreEqual("216 216 23159 249 242", string.Join(' ', BpeTokenizer.Create(options).EncodeToIds(Text)));
    }

    // Two tokens with a space between them, or a list of both.
    private static string Merge(JsonElement merge) => merge.ValueKind == JsonValueKind.String ? merge.GetString()!
        : string.Join(' ', merge.EnumerateArray().Select(part => part.GetString()));
}
