using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.ML.PrefixTuning.Text.Files;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>
/// Characters of ASCII that a table of characters has nothing for are taken many at once, which changes no text.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class CharacterMapTests
{
    [TestMethod]
    [DataRow("name", "name")]
    [DataRow("a name\nof \u00BDx", "a name of 1\u20442x")]
    [DataRow("cafe\u0301s", "caf\u00E9s")]
    [DataRow("e\u0301e\u0301ee\u0301", "\u00E9\u00E9e\u00E9")]
    [DataRow("\u0301a\u0301", "\u0301\u00E1")]
    [DataRow("ab\r\tc", "ab  c")]
    [DataRow("", "")]
    public void Apply_AsciiBesideOthers_AsEachByItself(string text, string expected)
    {
        SentencePieceFile file = SentencePieceFile.Read(
            Path.Combine(Fixtures.Require(Fixtures.Tokenizers), "t5-unigram", "spiece.model"));
        foreach (bool byGraphemes in (bool[])[false, true])
        {
            var map = new CharacterMapNormalizer(file.CharacterMap, "table") { ByGraphemes = byGraphemes };

            Assert.AreEqual(expected, map.Apply(text, TextPlace.Opening, alignment: null));
            Assert.AreEqual(expected, map.Apply(text, TextPlace.Opening, new TextAlignment(0, text.Length)));
        }
    }

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Apply_AsciiBesideOthers_AlignedCharacterByCharacter(bool byGraphemes)
    {
        const string Text = "cafe\u0301s too";
        SentencePieceFile file = SentencePieceFile.Read(
            Path.Combine(Fixtures.Require(Fixtures.Tokenizers), "t5-unigram", "spiece.model"));
        var map = new CharacterMapNormalizer(file.CharacterMap, "table") { ByGraphemes = byGraphemes };
        var alignment = new TextAlignment(0, Text.Length);

        string written = map.Apply(Text, TextPlace.Opening, alignment);

        Assert.AreEqual("0-1 1-2 2-3 3-5 5-6 6-7 7-8 8-9 9-10", string.Join(' ', Enumerable.Range(0, written.Length)
            .Select(index => $"{alignment.BeginOf(index)}-{alignment.EndOf(index)}")));
    }

    // "a" alone is nothing to the table, and may not be taken along with what comes before.
    [TestMethod]
    [DataRow(false, "bxaxbxa")]
    [DataRow(true, "babaabbaba")]
    public void Apply_SequenceOfAscii_FoundWhereItIsNoGrapheme(bool byGraphemes, string expected)
    {
        var map = new CharacterMapNormalizer(CharacterTable.Make("ab", 1), "table") { ByGraphemes = byGraphemes };

        Assert.AreEqual(expected, map.Apply("babaabbaba", TextPlace.Opening, alignment: null));
    }
}
