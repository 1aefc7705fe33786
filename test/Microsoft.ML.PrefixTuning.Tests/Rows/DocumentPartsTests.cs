using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Rows;

/// <summary>Documents in parts; a character is a token here.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class DocumentPartsTests
{
    [TestMethod]
    [DataRow("One. Two! Three? Four", 11, "One. Two! |Three? Four")]
    [DataRow("One. Two.\n\nThree.", 9, "One. |Two.\n\n|Three.")]
    [DataRow("version 1.5 is out. Yes.", 20, "version 1.5 is out. |Yes.")]
    [DataRow("one two three four five", 9, "one two| three| four| five")]
    [DataRow("abcdefgh", 3, "ab|cd|ef|gh")]
    [DataRow("😀😀", 1, "😀|😀")]
    [DataRow("One.\n \n", 7, "One.\n \n")]
    [DataRow("One.", 100, "One.")]
    public void Cut_OfADocument_EndsPartsWhereItCan(string document, int tokens, string expected) =>
        Assert.AreEqual(expected, string.Join('|', Cut(document, tokens)));

    [TestMethod]
    [DataRow(5)]
    [DataRow(40)]
    [DataRow(1000)]
    public void Cut_OfADocument_KeepsEveryCharacterOnce(int tokens)
    {
        const string Document = "First line. Second sentence!\n\nA paragraph of a few more words, and 3.14.\tA tab? "
            + "Averyveryverylongwordwithoutanyblankinit. 😀 end";
        IReadOnlyList<string> parts = Cut(Document, tokens);
        Assert.AreEqual(Document, string.Concat(parts));
        Assert.IsTrue(parts.All(part => part.Length <= tokens));
    }

    private static IReadOnlyList<string> Cut(string document, int tokens) =>
        new DocumentParts(tokens, text => text.Length).Cut(document);
}
