using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Tests.Parity;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>Tokenizers of every kind and file form against encodings of the reference implementations.</summary>
[TestClass]
[TestCategory("Quick")]
[TestCategory("Tokenizers")]
public sealed class TokenizerTests
{
    // The limit for one text, and its length in characters.
    private const int LongText = 200_000;
    // Of some tries the best counts: the machine may be busy with something else.
    private const int Tries = 3;
    private const double LongTextSeconds = 1;

    // Folder, the files that hold the tokenizer there, rows of the embedding.
    public static IEnumerable<object[]> Forms =>
    [
        ["gpt2", "tokenizer.json", 900],
        ["gpt2", "vocab.json merges.txt", 900],
        ["gpt2", "vocab.gguf", 900],
        ["llama3", "tokenizer.json", 900],
        ["llama3", "vocab.gguf", 900],
        ["qwen2", "tokenizer.json", 900],
        ["qwen2", "vocab.gguf", 900],
        ["smollm", "tokenizer.json", 900],
        ["smollm", "vocab.gguf", 900],
        ["llama-sentencepiece", "tokenizer.json", 1000],
        ["llama-sentencepiece", "tokenizer.model", 1000],
        ["llama-sentencepiece", "vocab.gguf", 1000],
        ["t5-unigram", "spiece.model", 1100],
    ];

    public static IEnumerable<object[]> Families => FamilyCase.Folders.Select(name => new object[] { name });

    [TestMethod]
    [DynamicData(nameof(Forms))]
    public void Encode_EveryGoldenText_AsTheReference(string folder, string form, int rows)
    {
        string path = Path.Combine(Fixtures.Require(Fixtures.Tokenizers), folder);
        using var tokenizer = new FileForm(path, form, rows);
        JsonElement golden = JsonElement.Parse(File.ReadAllBytes(Path.Combine(path, "golden.json")));

        foreach (JsonElement item in golden.GetProperty("texts").EnumerateArray())
        {
            string text = item.GetProperty("text").GetString()!;
            int[] ids = Ids(item.GetProperty("ids"));
            CollectionAssert.AreEqual(ids, tokenizer.Tokenizer.Encode(text), text);
            Assert.AreEqual(item.GetProperty("decoded").GetString(), tokenizer.Tokenizer.Decode(ids), text);
        }
    }

    [TestMethod]
    [DynamicData(nameof(Forms))]
    public void Encode_LongText_InUnderASecond(string folder, string form, int rows)
    {
        using var tokenizer = new FileForm(Path.Combine(Fixtures.Require(Fixtures.Tokenizers), folder), form, rows);

        foreach ((string name, string text) in LongTexts())
            Assert.IsLessThan(LongTextSeconds,
                Enumerable.Range(0, Tries).Min(_ => OwnTime.SecondsOf(() => tokenizer.Tokenizer.Encode(text))), name);
    }

    [TestMethod]
    [DynamicData(nameof(Families))]
    public void FromFolder_EveryFamily_EncodesAsTheReference(string family)
    {
        string folder = Fixtures.Family(family), model = Path.Combine(folder, "model");
        int vocabulary = ModelConfig.Read(Path.Combine(model, "config.json")).Count("vocab_size");
        PretrainedTokenizer tokenizer = PretrainedTokenizer.FromFolder(model, vocabulary);
        JsonElement golden = JsonElement.Parse(File.ReadAllBytes(Path.Combine(folder, "case.json")))
            .GetProperty("encodings");

        foreach (JsonElement item in golden.EnumerateArray())
        {
            string text = item.GetProperty("text").GetString()!;
            int[] ids = Ids(item.GetProperty("ids"));
            // Special tokens written in the text are special in these encodings.
            CollectionAssert.AreEqual(ids, tokenizer.EncodeTemplate(text), text);
            if (!tokenizer.SpecialTokens.Keys.Any(text.Contains))
                CollectionAssert.AreEqual(ids, tokenizer.Encode(text), text);
        }
    }

    private static IEnumerable<(string Name, string Text)> LongTexts()
    {
        var words = new Random(7);
        var prose = new StringBuilder();
        while (prose.Length < LongText)
            prose.Append((char)words.Next('a', 'z' + 1), words.Next(1, 3))
                .Append(words.Next(6) == 0 ? ", the 12 " : "e");
        yield return ("prose", prose.ToString(0, LongText));
        yield return ("one word",
            string.Concat(Enumerable.Range(0, LongText).Select(i => (char)('a' + i * 7919 % 26))));
        foreach (char character in "a! 1\n中\u0301▁")
            yield return ($"U+{(int)character:X4} again and again", new string(character, LongText));
        yield return ("emoji", string.Concat(Enumerable.Repeat("😀", LongText / 2)));
        yield return ("spaces and letters", string.Concat(Enumerable.Repeat(" a", LongText / 2)));
    }

    private static int[] Ids(JsonElement list) => list.EnumerateArray().Select(id => id.GetInt32()).ToArray();

    // The tokenizer of a folder as if only some of its files were there.
    private sealed class FileForm : IDisposable
    {
        private readonly TemporaryFolder _copy = new();

        public FileForm(string folder, string form, int rows)
        {
            if (form.EndsWith(".gguf", StringComparison.Ordinal))
            {
                Tokenizer = PretrainedTokenizer.FromGguf(GgufKeys.Read(Path.Combine(folder, form)), form, rows);
                return;
            }
            foreach (string file in form.Split(' '))
                File.Copy(Path.Combine(folder, file), _copy[file]);
            Tokenizer = PretrainedTokenizer.FromFolder(_copy.Path, rows);
        }

        public PretrainedTokenizer Tokenizer { get; }

        public void Dispose() => _copy.Dispose();
    }
}
