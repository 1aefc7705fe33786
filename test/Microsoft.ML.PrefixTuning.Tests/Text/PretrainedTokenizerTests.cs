using System;
using System.Buffers;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.ML.Tokenizers;
using Microsoft.SemanticKernel.Text;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>A base's tokenizer as Microsoft.ML.Tokenizers has tokenizers: offsets, limits, spans, neighbours.</summary>
[TestClass]
[TestCategory("Tokenizers")]
public sealed class PretrainedTokenizerTests
{
    // Byte-level, with NFC, SentencePiece BPE, Unigram with NMT-NFKC.
    public static IEnumerable<object[]> Folders => [["gpt2"], ["qwen2"], ["llama-sentencepiece"], ["t5-unigram"]];

    [TestMethod]
    [DynamicData(nameof(Folders))]
    public void EncodeToTokens_EveryGoldenText_OffsetsAreThoseOfTheText(string folder)
    {
        Tokenizer tokenizer = Open(folder);
        foreach ((string text, int[] ids) in Golden(folder))
        {
            IReadOnlyList<EncodedToken> tokens = tokenizer.EncodeToTokens(text, out string? normalized);

            Assert.IsNull(normalized);
            CollectionAssert.AreEqual(ids, tokens.Select(token => token.Id).ToArray(), text);
            CollectionAssert.AreEqual(ids, tokenizer.EncodeToIds(text).ToArray(), text);
            Assert.AreEqual(ids.Length, tokenizer.CountTokens(text), text);
            int begin = 0;
            foreach (EncodedToken token in tokens)
            {
                (int start, int length) = token.Offset.GetOffsetAndLength(text.Length);
                Assert.IsGreaterThanOrEqualTo(begin, start, text);
                Assert.IsFalse(SplitsACharacter(text, start) || SplitsACharacter(text, start + length), text);
                begin = start;
            }
        }
    }

    [TestMethod]
    [DataRow("gpt2", "the  pub, 😀é", "the| | pub|,| |😀|😀|😀|😀|é")]
    [DataRow("llama-sentencepiece", "the 😀 pub", "the| |😀|😀|😀|😀| pub")]
    [DataRow("qwen2", "e\u0301 pub", "e\u0301| pub")]
    [DataRow("t5-unigram", "a ½  pub ", "a| ½|½|½|  pub")]
    public void EncodeToTokens_OddCharacters_EachTokenHasItsCharacters(string folder, string text, string expected)
    {
        IReadOnlyList<EncodedToken> tokens = Open(folder).EncodeToTokens(text, out _);

        Assert.AreEqual(expected, string.Join('|', tokens.Select(token => text[token.Offset])));
    }

    [TestMethod]
    [DynamicData(nameof(Folders))]
    public void EncodeToIds_WithALimit_TheFirstTokensCutBetweenCharacters(string folder)
    {
        Tokenizer tokenizer = Open(folder);
        int whole = 0;
        foreach ((string text, int[] ids) in Golden(folder).Where(golden => golden.Ids.Length > 0))
        {
            IReadOnlyList<EncodedToken> tokens = tokenizer.EncodeToTokens(text, out _);
            foreach (int most in (int[])[1, 2, 5, ids.Length, ids.Length + 1])
            {
                IReadOnlyList<int> first = tokenizer.EncodeToIds(text, most, out string? normalized, out int consumed);

                Assert.IsNull(normalized);
                CollectionAssert.AreEqual(ids[..first.Count], first.ToArray(), text);
                Assert.IsLessThanOrEqualTo(most, first.Count, text);
                Assert.IsFalse(SplitsACharacter(text, consumed), text);
                Assert.AreEqual(consumed, tokenizer.GetIndexByTokenCount(text, most, out _, out int count), text);
                Assert.AreEqual(first.Count, count, text);
                if (most >= ids.Length)
                    Assert.AreEqual((ids.Length, text.Length), (count, consumed), text);
                else if (IsBoundary(tokens, most))
                {
                    Assert.AreEqual((most, tokens[most - 1].Offset.End.Value), (count, consumed), text);
                    whole++;
                }
            }
        }
        Assert.IsGreaterThan(10, whole);
    }

    [TestMethod]
    [DynamicData(nameof(Folders))]
    public void GetIndexByTokenCountFromEnd_TheLastTokens(string folder)
    {
        Tokenizer tokenizer = Open(folder);
        int whole = 0;
        foreach ((string text, int[] ids) in Golden(folder).Where(golden => golden.Ids.Length > 0))
        {
            IReadOnlyList<EncodedToken> tokens = tokenizer.EncodeToTokens(text, out _);
            foreach (int most in (int[])[1, 3, ids.Length, ids.Length + 1])
            {
                int index = tokenizer.GetIndexByTokenCountFromEnd(text, most, out _, out int count);

                Assert.IsLessThanOrEqualTo(most, count, text);
                if (count == ids.Length)
                    Assert.AreEqual(0, index, text);
                else
                    Assert.AreEqual(count == 0 ? text.Length : tokens[^count].Offset.Start.Value, index, text);
                Assert.IsFalse(SplitsACharacter(text, index), text);
                if (most >= ids.Length)
                    Assert.AreEqual(ids.Length, count, text);
                else if (IsBoundary(tokens, tokens.Count - most))
                {
                    Assert.AreEqual(most, count, text);
                    whole++;
                }
            }
        }
        Assert.IsGreaterThan(10, whole);
    }

    [TestMethod]
    [DynamicData(nameof(Folders))]
    public void Decode_IntoASpan_AsMuchAsFitsAndThenTheRest(string folder)
    {
        Tokenizer tokenizer = Open(folder);
        foreach ((string text, int[] ids) in Golden(folder))
        {
            string decoded = tokenizer.Decode(ids);
            var whole = new char[decoded.Length];
            OperationStatus status = tokenizer.Decode(ids, whole, out int consumed, out int written);
            Assert.AreEqual((OperationStatus.Done, ids.Length, decoded.Length), (status, consumed, written), text);
            Assert.AreEqual(decoded, new string(whole), text);
            if (decoded.Length == 0)
                continue;

            status = tokenizer.Decode(ids, whole.AsSpan(0, decoded.Length - 1), out consumed, out written);
            Assert.AreEqual(OperationStatus.DestinationTooSmall, status, text);
            Assert.AreEqual(decoded[..written], tokenizer.Decode(ids[..consumed]), text);
        }
    }

    [TestMethod]
    public void EncodeToIds_SpecialSpelling_PlainText()
    {
        var tokenizer = (PretrainedTokenizer)TinyBase.Llama.OpenTokenizer();

        int special = tokenizer.SpecialTokens["<|im_start|>"];
        Assert.DoesNotContain(special, tokenizer.EncodeToIds("a <|im_start|> pub"));
        Assert.AreEqual("a pub", tokenizer.Decode([special, .. tokenizer.EncodeToIds("a pub"), special]));
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => tokenizer.EncodeToIds("a", 0, out _, out _));
    }

    [TestMethod]
    public void OpenTokenizer_OfEveryKindOfBase_AsTheLoadedBaseHasIt()
    {
        using var hold = TinyBase.Hold();
        const string Text = "Venue 1 is a <think> pub .";
        int[] expected = hold.Base.Tokenizer.Encode(Text);

        CollectionAssert.AreEqual(expected, TinyBase.Llama.OpenTokenizer().EncodeToIds(Text).ToArray());
        CollectionAssert.AreEqual(expected,
            PretrainedTokenizer.FromFolder(TinyBase.Folder("llama")).EncodeToIds(Text).ToArray());
        Assert.IsGreaterThan(0, SmolLM2.Instruct135M.OpenTokenizer().CountTokens(Text));
        CollectionAssert.AreEqual(SmolLM2.Instruct135M.OpenTokenizer().EncodeToIds(Text).ToArray(),
            PretrainedTokenizer.FromGguf(SmolLM2.Instruct135M.Path).EncodeToIds(Text).ToArray());
        Assert.ThrowsExactly<DirectoryNotFoundException>(() => BaseModel.FromFolder("not-there").OpenTokenizer());
    }

    [TestMethod]
    public void SplitPlainTextLines_OfSemanticKernel_CountsWithTheBasesTokenizer()
    {
        Tokenizer tokenizer = TinyBase.Llama.OpenTokenizer();
        string text = string.Join(' ', TinyBase.Rows(20).Select(row => row.Label));

#pragma warning disable SKEXP0050 // Evaluated here only.
        List<string> lines = TextChunker.SplitPlainTextLines(text, 40, line => tokenizer.CountTokens(line));
#pragma warning restore SKEXP0050

        Assert.IsGreaterThan(3, lines.Count);
        Assert.IsLessThanOrEqualTo(40, lines.Max(line => tokenizer.CountTokens(line)));
        Assert.AreEqual(text, string.Join(' ', lines));
    }

    [TestMethod]
    public void Encode_ManyPiecesFromManyThreads_CacheStaysBoundedAndRight()
    {
        var model = new CachingModel(new LettersModel());
        Parallel.For(0, 4, thread =>
        {
            for (int i = 0; i < 60_000; i++)
            {
                string piece = (i * 7 % 60_000).ToString(CultureInfo.InvariantCulture);
                var sink = new TokenSink();
                model.Encode(piece, sink);
                CollectionAssert.AreEqual(piece.Select(letter => (int)letter).ToArray(), sink.Ids);
            }
        });
        Assert.IsInRange(1, (1 << 15) + 4, model.Count);
    }

    private static bool SplitsACharacter(string text, int place) =>
        place > 0 && place < text.Length && char.IsSurrogatePair(text, place - 1);

    // The tokens on both sides share no character: a limit may cut there.
    private static bool IsBoundary(IReadOnlyList<EncodedToken> tokens, int index) =>
        tokens[index - 1].Offset.End.Value <= tokens[index].Offset.Start.Value;

    private static PretrainedTokenizer Open(string folder) =>
        PretrainedTokenizer.FromFolder(Path.Combine(Fixtures.Require(Fixtures.Tokenizers), folder));

    private static IEnumerable<(string Text, int[] Ids)> Golden(string folder)
    {
        string file = Path.Combine(Fixtures.Require(Fixtures.Tokenizers), folder, "golden.json");
        return JsonElement.Parse(File.ReadAllBytes(file)).GetProperty("texts").EnumerateArray().Select(item => (
            item.GetProperty("text").GetString()!,
            item.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToArray()));
    }

    // One id a letter.
    private sealed class LettersModel : TokenModel
    {
        public override void Encode(ReadOnlySpan<char> piece, TokenSink sink)
        {
            for (int i = 0; i < piece.Length; i++)
                sink.Add(piece[i], i, i + 1);
        }
    }
}
