using Microsoft.ML.PrefixTuning.Studies;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Studies;

/// <summary>Plots of a study: the order of an axis. The drawing itself needs a system's library of fonts.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class StudyPlotTests
{
    [TestMethod]
    public void Places_OfNumbersInNoOrder_AreBySize()
    {
        string[] places = StudyPlot.Places(["0.03", "0.00003", "7", "0.03", "200"]);
        CollectionAssert.AreEqual((string[])["0.00003", "0.03", "7", "200"], places);
    }

    [TestMethod]
    public void Places_WithAWordAmongThem_KeepTheOrderOfTheFile()
    {
        string[] places = StudyPlot.Places(["warm", "7", "cold", "1"]);
        CollectionAssert.AreEqual((string[])["warm", "7", "cold", "1"], places);
    }
}
