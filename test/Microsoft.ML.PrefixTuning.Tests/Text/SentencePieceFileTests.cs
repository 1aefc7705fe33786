using System;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.ML.PrefixTuning.Text.Files;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>SentencePiece model files made by hand.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class SentencePieceFileTests
{
    private const int Word = 3;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tokenizer-");

    [TestCleanup]
    public void Delete() => _folder.Delete(recursive: true);

    [TestMethod]
    public void Encode_EqualScores_LeftmostPairFirst()
    {
        Write(SentencePieceFile.BytePair, ("<unk>", 0, PieceType.Unknown), ("▁", -1, PieceType.Normal),
            ("a", -2, PieceType.Normal), ("aa", -3, PieceType.Normal));

        CollectionAssert.AreEqual((int[])[1, 3, 2], Load().Encode("aaa"));
    }

    // "a", "aa", "b" and "bb" once each in four orders: equal sums but for their rounding. The ids are those of
    // sentencepiece 0.1.97; in float64 they would be 1, 2, 6, 3, 7, and compared in float32 1, 2, 6, 7, 3.
    [TestMethod]
    public void Encode_UnigramsOfEqualSums_RoundedAsTheReference()
    {
        Write(SentencePieceFile.Unigram, ("<unk>", 0, PieceType.Unknown), ("▁", -3.5f, PieceType.Normal),
            ("a", -2.3f, PieceType.Normal), ("b", -2.8f, PieceType.Normal), ("ab", -7.9f, PieceType.Normal),
            ("ba", -2.3f, PieceType.Normal), ("aa", -1, PieceType.Normal), ("bb", -3.6f, PieceType.Normal),
            ("▁a", -6.6f, PieceType.Normal), ("▁b", -4.2f, PieceType.Normal));

        CollectionAssert.AreEqual((int[])[1, 6, 2, 7, 3], Load().Encode("aaabbb"));
    }

    [TestMethod]
    public void Encode_UserDefinedPiece_WholeAndWithoutAMarkBehindIt()
    {
        Write(SentencePieceFile.BytePair, ("<unk>", 0, PieceType.Unknown), ("▁", -1, PieceType.Normal),
            ("a", -2, PieceType.Normal), ("aba", 0, PieceType.UserDefined), ("▁a", -3, PieceType.Normal));

        PretrainedTokenizer tokenizer = Load();

        CollectionAssert.AreEqual((int[])[4, 3, 2, 1], tokenizer.Encode("aabaa "));
        Assert.AreEqual("aabaa ", tokenizer.Decode(tokenizer.Encode("aabaa ")));
    }

    // The ids of sentencepiece 0.1.97: pieces are found behind the normalizer, which puts a space in front of a text
    // and joins runs of them.
    [TestMethod]
    [DataRow(SentencePieceFile.BytePair, false, "aba", "1 3")]
    [DataRow(SentencePieceFile.BytePair, false, "ababa", "1 8 2")]
    [DataRow(SentencePieceFile.BytePair, false, "a aba b", "4 1 3 1 5")]
    [DataRow(SentencePieceFile.BytePair, false, "a  x", "4 6 7")]
    [DataRow(SentencePieceFile.BytePair, false, "  a aba", "6 4 1 3")]
    [DataRow(SentencePieceFile.BytePair, true, "aabaa ", "4 3 2")]
    [DataRow(SentencePieceFile.BytePair, true, "a aba b", "4 1 3 1 5")]
    [DataRow(SentencePieceFile.BytePair, true, "  a aba", "4 1 3")]
    [DataRow(SentencePieceFile.Unigram, false, "aba", "1 3")]
    [DataRow(SentencePieceFile.Unigram, false, "ababa", "1 8 2")]
    [DataRow(SentencePieceFile.Unigram, true, "a aba b", "4 1 3 1 5")]
    public void Encode_UserDefinedPieces_FoundInTheNormalizedText(int modelType, bool collapse, string text, string ids)
    {
        WriteDefined(modelType, collapse);

        PretrainedTokenizer tokenizer = Load();

        Assert.AreEqual(ids, string.Join(' ', tokenizer.Encode(text)));
        Assert.AreEqual(ids, string.Join(' ', tokenizer.EncodeToTokens(text, out _).Select(token => token.Id)));
        Assert.IsEmpty(tokenizer.FormerRules);
    }

    // The ids of sentencepiece 0.1.97: 5 is "ab" and 7 "bcc", both user-defined, 6 "abc", which is not.
    [TestMethod]
    [DataRow("ab", "1 5")]
    [DataRow("aab", "1 2 5")]
    [DataRow("abc", "1 6")]
    [DataRow("abcc", "1 2 7")]
    public void Encode_UserDefinedUnigrams_TakenUnlessOthersScoreBetter(string text, string ids)
    {
        Write(SentencePieceFile.Unigram, ("<unk>", 0, PieceType.Unknown), ("▁", -1, PieceType.Normal),
            ("a", -2, PieceType.Normal), ("b", -2, PieceType.Normal), ("c", -5, PieceType.Normal),
            ("ab", 0, PieceType.UserDefined), ("abc", -3, PieceType.Normal), ("bcc", 0, PieceType.UserDefined));

        Assert.AreEqual(ids, string.Join(' ', Load().Encode(text)));
    }

    [TestMethod]
    public void Encode_UserDefinedPiecesByTheThirdRules_FoundInTheTextAsWritten()
    {
        Write(SentencePieceFile.BytePair, ("<unk>", 0, PieceType.Unknown), ("▁", -1, PieceType.Normal),
            ("a", -2, PieceType.Normal), ("aba", 0, PieceType.UserDefined));

        PretrainedTokenizer former = Load(version: 3);

        CollectionAssert.AreEqual((int[])[3, 2], former.Encode("abaa"));
        Assert.AreEqual("tokenizer.model: user-defined pieces are found before the text is normalized, today behind it",
            former.FormerRules.Single());
    }

    [TestMethod]
    public void Encode_UserDefinedPieceWithSpacesByTheSecondRules_NotFound()
    {
        Write(SentencePieceFile.BytePair, ("<unk>", 0, PieceType.Unknown), ("▁", -1, PieceType.Normal),
            ("a", -2, PieceType.Normal), ("▁▁", 0, PieceType.UserDefined));

        CollectionAssert.AreEqual((int[])[1, 2, 3, 2], Load().Encode("a  a"));
        PretrainedTokenizer former = Load(version: 2);
        CollectionAssert.AreEqual((int[])[1, 2, 1, 1, 2], former.Encode("a  a"));
        Assert.Contains("user-defined pieces with spaces are not found", former.FormerRules.Single());
    }

    // Texts as sentencepiece 0.1.97 makes ids of them: "①" and "ﬁ" are user-defined and stay, their like are mapped.
    [TestMethod]
    [DataRow("①②a", "①2a")]
    [DataRow("a ﬁ①", "a ﬁ①")]
    [DataRow("ﬁ ﬃ", "ﬁ ffi")]
    public void Apply_TableWithTextsThatStay_LeavesThem(string text, string expected)
    {
        var kept = new TokenTrie();
        kept.Add("①", 0);
        kept.Add("ﬁ", 0);
        SentencePieceFile file = SentencePieceFile.Read(
            Path.Combine(Fixtures.Require(Fixtures.Tokenizers), "t5-unigram", "spiece.model"));

        var map = new CharacterMapNormalizer(file.CharacterMap, "table") { Kept = kept };

        Assert.AreEqual(expected, map.Apply(text, TextPlace.Opening, new TextAlignment(0, text.Length)));
    }

    [TestMethod]
    public void Encode_UnknownCharacters_OneTokenARunAndCounted()
    {
        Write(SentencePieceFile.Unigram, ("<unk>", 0, PieceType.Unknown), ("▁", -1, PieceType.Normal),
            ("a", -2, PieceType.Normal), ("b", -9, PieceType.Unused));

        PretrainedTokenizer tokenizer = Load();

        CollectionAssert.AreEqual((int[])[1, 2, 0, 2], tokenizer.Encode("a😀ba", out int lost));
        Assert.AreEqual(5, lost);
        Assert.AreEqual("a ⁇ a", tokenizer.Decode([1, 2, 0, 2]));
    }

    [TestMethod]
    [DataRow(new byte[] { 0x0A, 0x05, 0x0A },
        "tokenizer.model: expected a SentencePiece model, found something else or the file is cut.")]
    [DataRow(new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF },
        "tokenizer.model: expected a SentencePiece model, found something else or the file is cut.")]
    [DataRow(new byte[] { 0x0A, 0x03, 0x0A, 0x01, 0xFF }, "tokenizer.model: expected UTF-8, found other bytes.")]
    [DataRow(new byte[] { 0x0A, 0x00 },
        "tokenizer.model: piece 0: expected a text, a finite score and a type from 1 to 6, found '', 0 and 1.")]
    [DataRow(new byte[0], "tokenizer.model: 'trainer_spec.unk_id': expected the unknown token of 0, found 0.")]
    public void Read_BrokenFile_Refused(byte[] bytes, string message)
    {
        File.WriteAllBytes(Path.Combine(_folder.FullName, "tokenizer.model"), bytes);

        Assert.AreEqual(message, Assert.ThrowsExactly<FormatException>(Load).Message);
    }

    [TestMethod]
    public void Read_ModelOfWords_RefusedByItsNumber()
    {
        Write(Word, ("<unk>", 0, PieceType.Unknown));

        var fault = Assert.ThrowsExactly<NotSupportedException>(Load);

        Assert.AreEqual("tokenizer.model: 'trainer_spec.model_type': found 3, supported are 1 (Unigram) and 2 (BPE).",
            fault.Message);
    }

    [TestMethod]
    public void Read_EveryCutOfAFile_RefusedOrRead()
    {
        byte[] whole =
            File.ReadAllBytes(Path.Combine(Fixtures.Require(Fixtures.Tokenizers), "t5-unigram", "spiece.model"));
        string path = Path.Combine(_folder.FullName, "tokenizer.model");
        var random = new Random(5);
        for (int i = 0; i < 100; i++)
        {
            byte[] broken = whole[..random.Next(whole.Length)];
            for (int k = 0; k < 20 && broken.Length > 0; k++)
                broken[random.Next(broken.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(path, broken);
            try
            {
                PretrainedTokenizer.FromFolder(_folder.FullName, 1100).Encode("a ﬁne ½ ｔｅｘｔ");
            }
            catch (Exception fault) when (fault is FormatException or NotSupportedException)
            {
            }
        }
    }

    private PretrainedTokenizer Load() => Load(TextRules.LatestVersion);

    private PretrainedTokenizer Load(int version) =>
        PretrainedTokenizer.FromFolder(_folder.FullName, 100, new TextRules { Version = version });

    private void WriteDefined(int modelType, bool collapse) =>
        SentencePieceFiles.Write(Path.Combine(_folder.FullName, "tokenizer.model"), modelType, collapse,
            ("<unk>", 0, PieceType.Unknown), ("▁", -1, PieceType.Normal), ("a", -2, PieceType.Normal),
            ("aba", 0, PieceType.UserDefined), ("▁a", -3, PieceType.Normal), ("b", -4, PieceType.Normal),
            ("▁▁", 0, PieceType.UserDefined), ("x", -6, PieceType.Normal), ("abab", 0, PieceType.UserDefined));

    private void Write(int modelType, params (string Text, float Score, PieceType Type)[] pieces) =>
        SentencePieceFiles.Write(Path.Combine(_folder.FullName, "tokenizer.model"), modelType, pieces);
}
