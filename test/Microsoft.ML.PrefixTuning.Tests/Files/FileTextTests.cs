using Microsoft.ML.PrefixTuning.Files;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Files;

/// <summary>Text from files in messages.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class FileTextTests
{
    [TestMethod]
    [DataRow("plain", "'plain'")]
    [DataRow("a\nb\0c\u001b", @"'a\u000ab\u0000c\u001b'")]
    [DataRow("\ud83d\ude00 \u00e9", "'\ud83d\ude00 \u00e9'")]
    public void Quote_Text_EscapesWhatWouldNotShow(string text, string quoted) =>
        Assert.AreEqual(quoted, FileText.Quote(text));

    // An attribute cannot hold a lone surrogate.
    [TestMethod]
    public void Quote_LoneSurrogates_AreEscaped() =>
        Assert.AreEqual(@"'\ude00a\ud83d'", FileText.Quote("\ude00a\ud83d"));

    [TestMethod]
    public void Quote_LongText_IsCutAt200Characters() =>
        Assert.AreEqual($"'{new string('a', 200)}...'", FileText.Quote(new string('a', 201)));
}
