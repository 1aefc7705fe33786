using Microsoft.ML.PrefixTuning.Files;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Files;

/// <summary>Numbers of things in messages.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class CountTextTests
{
    [TestMethod]
    [DataRow(0, "0 steps")]
    [DataRow(1, "1 step")]
    [DataRow(2, "2 steps")]
    [DataRow(1_000_001, "1,000,001 steps")]
    public void Of_ANumber_HasTheWordForSoMany(int number, string expected) =>
        Assert.AreEqual(expected, CountText.Of(number, "step"));
}
