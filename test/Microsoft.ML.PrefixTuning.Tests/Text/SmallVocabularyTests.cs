using System.IO;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>
/// Rules of tokenizers that large vocabularies hide, since there most ways lead to the same tokens.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class SmallVocabularyTests
{
    /// <summary>A token that no merge makes is found whole, or not at all.</summary>
    [TestMethod]
    [DataRow("true", new[] { 3 })]
    [DataRow("false", new[] { 1, 2 })]
    public void Encode_OfAPieceThatIsAToken_TakesItWholeWhereMergesAreIgnored(string ignores, int[] ids)
    {
        PretrainedTokenizer tokenizer = Read("never",
            $$"""{ "type": "BPE", "vocab": { "▁": 0, "a": 1, "b": 2, "ab": 3 }, "merges": [], "unk_token": null,"""
                + $$""" "ignore_merges": {{ignores}} }""", 4);
        CollectionAssert.AreEqual(ids, tokenizer.Encode("ab"));
    }

    /// <summary>
    /// By the scores alone the unknown x and "ab" would be best (-10); SentencePiece puts it 10 below the worst token,
    /// so that two bad tokens (-18) are better.
    /// </summary>
    [TestMethod]
    public void Encode_InUnigrams_AvoidsTheUnknownToken() => CollectionAssert.AreEqual(new[] { 2, 3 },
        Read("never", """
            { "type": "Unigram", "unk_id": 0,
              "vocab": [["<unk>", 0], ["▁", -9], ["xa", -9], ["b", -9], ["ab", -1]] }
            """, 5).Encode("xab"));

    /// <summary>
    /// "a", "aa", "b" and "bb" once each in four orders: equal sums but for their rounding, which tokenizers 0.23.2
    /// does in float64. SentencePiece takes others (<c>SentencePieceFileTests</c>).
    /// </summary>
    [TestMethod]
    public void Encode_InUnigramsOfEqualSums_RoundsAsTheReference() => CollectionAssert.AreEqual(
        new[] { 1, 2, 6, 3, 7 }, Read("always", """
            { "type": "Unigram", "unk_id": 0,
              "vocab": [["<unk>", 0], ["▁", -3.5], ["a", -2.3], ["b", -2.8], ["ab", -7.9], ["ba", -2.3], ["aa", -1.0],
                ["bb", -3.6], ["▁a", -6.6], ["▁b", -4.2]] }
            """, 10).Encode("aaabbb"));

    /// <summary>A blank becomes the mark of a text's start, of which nothing is written.</summary>
    [TestMethod]
    [DataRow(" ", true)]
    [DataRow(" b", false)]
    public void Target_OfABlankThatIsTheMarkOfAStart_IsEmpty(string text, bool isEmpty)
    {
        using BaseLease hold = TinyBase.Hold();
        PretrainedTokenizer tokenizer = Read("always",
            """{ "type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["▁", -1], ["b", -1]] }""", 3);
        Assert.IsNotEmpty(tokenizer.Encode(text));
        new RowEncoder(tokenizer, hold.Base.Model.Spec, null, "Input", default).Target(text, out _, out bool found);
        Assert.AreEqual(isEmpty, found);
    }

    /// <param name="prepends">Whether the mark of a word is put in front of a text.</param>
    /// <param name="model">The model of a tokenizer.json.</param>
    /// <param name="rows">Its tokens.</param>
    private static PretrainedTokenizer Read(string prepends, string model, int rows)
    {
        using var folder = new TemporaryFolder();
        string stage = $$"""
            { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "{{prepends}}", "split": false }
            """;
        File.WriteAllText(folder["tokenizer.json"],
            $$"""{ "pre_tokenizer": {{stage}}, "model": {{model}}, "decoder": {{stage}} }""");
        return PretrainedTokenizer.FromFolder(folder.Path, rows);
    }
}
