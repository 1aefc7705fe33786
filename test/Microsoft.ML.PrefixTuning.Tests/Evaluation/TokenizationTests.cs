using Microsoft.ML.PrefixTuning.Evaluation.Tokenization;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Evaluation;

[TestClass, TestCategory("Metrics"), TestCategory("Quick")]
public class TokenizationTests
{
    [TestMethod]
    [DataRow("Prices (£20-25) aren't \"low\", 1,000.5 is 3-fold.",
        "Prices ( £20 - 25 ) aren't \" low \" , 1,000.5 is 3 - fold .")]
    [DataRow("a &amp; b &lt;c&gt; <skipped>well-\nknown\nline", "a & b < c > wellknown line")]
    [DataRow("", "")]
    public void MtevalTokens_Text_SeparatesPunctuation(string text, string tokens) =>
        Assert.AreEqual(tokens, string.Join(' ', MtevalTokenizer.Tokens(text)));

    [TestMethod]
    [DataRow("«Ja», 3,5 € 😀!", "« Ja » , 3,5 € 😀 !")]
    [DataRow("In 1999.", "In 1999.")]
    public void InternationalTokens_Text_SeparatesUnicodePunctuation(string text, string tokens) =>
        Assert.AreEqual(tokens, string.Join(' ', InternationalTokenizer.Tokens(text)));

    [TestMethod]
    [DataRow("İstanbul", "i\u0307stanbul")]
    [DataRow("ΟΔΟΣ ΣΑΣ Σ", "οδος σας σ")]
    [DataRow("ÀÉ Straße", "àé straße")]
    public void LowerCaseOf_SpecialLetters_FollowsUnicode(string text, string lower) =>
        Assert.AreEqual(lower, LowerCase.Of(text));

    [TestMethod]
    [DataRow("a\u001cb\u0085c\u00a0d\u3000e \t\n f", 6)]
    [DataRow("\u200bzero-width", 1)]
    [DataRow("", 0)]
    public void WhitespaceSplit_OddSpaces_FollowsPython(string text, int words) =>
        Assert.HasCount(words, Whitespace.Split(text));

    [TestMethod]
    [DataRow("caresses", "caress")]
    [DataRow("flies", "fli")]
    [DataRow("dies", "die")]
    [DataRow("mules", "mule")]
    [DataRow("denied", "deni")]
    [DataRow("agreed", "agre")]
    [DataRow("owned", "own")]
    [DataRow("sized", "size")]
    [DataRow("meeting", "meet")]
    [DataRow("itemization", "item")]
    [DataRow("sensational", "sensat")]
    [DataRow("traditional", "tradit")]
    [DataRow("plotted", "plot")]
    [DataRow("enjoy", "enjoy")]
    [DataRow("sky", "sky")]
    public void PorterStem_Word_FollowsNltk(string word, string stem) =>
        Assert.AreEqual(stem, PorterStemmer.Stem(word));

    [TestMethod]
    [DataRow("generously", "generous")]
    [DataRow("consigned", "consign")]
    [DataRow("consistency", "consist")]
    [DataRow("knightly", "knight")]
    [DataRow("knitted", "knit")]
    [DataRow("skies", "sky")]
    [DataRow("dying", "die")]
    [DataRow("saying", "say")]
    [DataRow("boy's", "boy")]
    [DataRow("hoping", "hope")]
    [DataRow("proceed", "proceed")]
    [DataRow("communism", "communism")]
    public void EnglishStem_Word_FollowsSnowball(string word, string stem) =>
        Assert.AreEqual(stem, EnglishStemmer.Stem(word));
}
