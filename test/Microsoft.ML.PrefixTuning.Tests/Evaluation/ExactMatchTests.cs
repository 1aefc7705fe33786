using Microsoft.ML.PrefixTuning.Evaluation;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Evaluation;

[TestClass, TestCategory("Metrics"), TestCategory("Quick")]
public class ExactMatchTests
{
    [TestMethod]
    [DataRow(" The Eagle.\n", 1.0)]
    [DataRow("An eagle.", 1.0)]
    [DataRow("the eagle.", 0.0)]
    [DataRow("The  Eagle.", 0.0)]
    [DataRow("", 0.0)]
    public void Corpus_OneRow_ComparesTrimmedText(string output, double share) =>
        Assert.AreEqual(share, ExactMatch.Corpus([new Segment(output, "The Eagle.", "An eagle.")]));

    [TestMethod]
    public void Corpus_SeveralRows_IsTheShare()
    {
        Assert.AreEqual(0, ExactMatch.Corpus([]));
        Assert.AreEqual(0.5, ExactMatch.Corpus([new Segment("", ""), new Segment("a", "b")]));
    }

    [TestMethod]
    public void LengthsOf_SeveralReferences_CountsARowOnce()
    {
        Assert.AreEqual(new Lengths(2, 3), Lengths.Of([new Segment("two words", "one", "and five words in all"),
            new Segment("two\u2003more", "three of them")]));
        Assert.AreEqual(new Lengths(0, 0), Lengths.Of([]));
    }
}
