using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.PrefixTuning.Text.Files;
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

        Assert.AreEqual("256 23159 249 242", string.Join(' ', own.EncodeToIds(Text)));
        Assert.AreEqual("216 216 23159 249 242",
            string.Join(' ', BpeTokenizer.Create(Options(model, Pattern)).EncodeToIds(Text)));
    }

    [TestMethod]
    public void Package_OnBytePairsOfATokenizerJson_RefusesTheFile()
    {
        string folder = Path.Combine(Fixtures.Require(Fixtures.Tokenizers), "llama3");
        using FileStream file = File.OpenRead(Path.Combine(folder, "tokenizer.json"));

        var fault = Assert.Throws<Exception>(() => SentencePieceTokenizer.CreateFromTokenizerJson(file, false, false));

        StringAssert.StartsWith(fault.Message, "Expected model type 'Unigram' but found 'BPE'");
        Assert.IsGreaterThan(0, PretrainedTokenizer.FromFolder(folder).CountTokens("the pub"));
    }

    /// <summary>Llama 3's rule: a piece that is a token is taken whole, whether merges lead to it or not.</summary>
    [TestMethod]
    public void Package_OnAPieceThatIsAToken_KnowsNoIgnoreMerges()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["tokenizer.json"], """
            { "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false },
              "model": { "type": "BPE", "vocab": { "a": 0, "b": 1, "c": 2, "ac": 3, "ab": 4 }, "merges": ["a c"],
                "ignore_merges": true },
              "decoder": { "type": "ByteLevel" } }
            """);
        var options = new BpeOptions((KeyValuePair<string, int>[])[new("a", 0), new("b", 1), new("c", 2), new("ac", 3),
            new("ab", 4)])
        {
            Merges = ["a c"],
            ByteLevel = true,
            PreTokenizer = new RegexPreTokenizer(new Regex(@"\S+"), null),
        };
        BpeTokenizer package = BpeTokenizer.Create(options);
        PretrainedTokenizer own = PretrainedTokenizer.FromFolder(folder.Path);

        Assert.AreEqual("4 3", Ids(own, "ab", "ac"));
        Assert.AreEqual("0 1 3", Ids(package, "ab", "ac"));
        Assert.IsNull(typeof(BpeOptions).GetProperty("IgnoreMerges"));

        static string Ids(Tokenizer tokenizer, params string[] pieces) =>
            string.Join(' ', pieces.SelectMany(piece => tokenizer.EncodeToIds(piece)));
    }

    /// <summary>A piece that the vocabulary's maker asked for is found before anything is merged.</summary>
    [TestMethod]
    public void Package_OnAUserDefinedPiece_MergesThroughIt()
    {
        using var folder = new TemporaryFolder();
        SentencePieceFiles.Write(folder["tokenizer.model"], SentencePieceFile.BytePair,
            ("<unk>", 0, PieceType.Unknown), ("\u2581", -1, PieceType.Normal), ("a", -2, PieceType.Normal),
            ("b", -2, PieceType.Normal), ("c", -2, PieceType.Normal), ("ab", -1, PieceType.Normal),
            ("bc", -9, PieceType.UserDefined));
        using FileStream file = File.OpenRead(folder["tokenizer.model"]);
        Tokenizer package = LlamaTokenizer.Create(file, addBeginOfSentence: false, addEndOfSentence: false);
        PretrainedTokenizer own = PretrainedTokenizer.FromFolder(folder.Path);

        Assert.AreEqual("1 2 6", string.Join(' ', own.EncodeToIds("abc")));
        Assert.AreEqual("1 5 4", string.Join(' ', package.EncodeToIds("abc")));
    }

    /// <summary>Each merge of a long piece moves all that stands behind it.</summary>
    [TestMethod]
    public void Package_OnAWordOfManyLetters_TakesTheSquareOfTheirNumber()
    {
        string folder = Path.Combine(Fixtures.Require(Fixtures.Tokenizers), "gpt2");
        PretrainedTokenizer own = PretrainedTokenizer.FromFolder(folder);
        BpeTokenizer package = BpeTokenizer.Create(Options(
            JsonElement.Parse(File.ReadAllBytes(Path.Combine(folder, "tokenizer.json"))).GetProperty("model"), @"\S+"));
        var random = new Random(3);
        string[] words =
        [
            .. Enumerable.Range(0, 4).Select(_ => new string(
                [.. Enumerable.Range(0, 1 << 15).Select(_ => (char)('a' + random.Next(26)))])),
        ];
        // Compiled first.
        CollectionAssert.AreEqual(own.EncodeToIds(words[3]).ToArray(), package.EncodeToIds(words[3]).ToArray());

        Assert.IsGreaterThan(5 * Seconds(own), Seconds(package));

        double Seconds(Tokenizer tokenizer) =>
            words[..3].Min(word => OwnTime.SecondsOf(() => tokenizer.EncodeToIds(word)));
    }

    private static BpeOptions Options(JsonElement model, string pattern) =>
        new(model.GetProperty("vocab").EnumerateObject()
            .Select(token => KeyValuePair.Create(token.Name, token.Value.GetInt32())))
        {
            Merges = model.GetProperty("merges").EnumerateArray().Select(Merge),
            ByteLevel = true,
            PreTokenizer = new RegexPreTokenizer(new Regex(pattern), null),
        };

    // Two tokens with a space between them, or a list of both.
    private static string Merge(JsonElement merge) => merge.ValueKind == JsonValueKind.String ? merge.GetString()!
        : string.Join(' ', merge.EnumerateArray().Select(part => part.GetString()));
}
