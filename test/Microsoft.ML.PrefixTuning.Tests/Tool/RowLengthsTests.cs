using System.Linq;
using Microsoft.ML.PrefixTuning.Tool.Verbs;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>What is said of how long rows are.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class RowLengthsTests
{
    [TestMethod]
    [DataRow(1, "1 to 1 tokens, half at most 1, nine of ten at most 1")]
    [DataRow(2, "1 to 2 tokens, half at most 1, nine of ten at most 2")]
    [DataRow(3, "1 to 3 tokens, half at most 2, nine of ten at most 3")]
    [DataRow(8, "1 to 8 tokens, half at most 4, nine of ten at most 8")]
    [DataRow(10, "1 to 10 tokens, half at most 5, nine of ten at most 9")]
    [DataRow(11, "1 to 11 tokens, half at most 6, nine of ten at most 10")]
    [DataRow(1000, "1 to 1,000 tokens, half at most 500, nine of ten at most 900")]
    public void Describe_OfRows_CountsAtLeastSoManyOfThem(int count, string expected)
    {
        // One row of each length, the longest first.
        RowLength[] rows = [.. Enumerable.Range(0, count).Select(i => new RowLength($"line {i + 1}", count - i, 1))];
        var lengths = new RowLengths(rows, window: 2000, isShared: true);
        Assert.AreEqual(expected, lengths.Describe("wanted text").Single(line => line.Name == "input").Value);
    }
}
