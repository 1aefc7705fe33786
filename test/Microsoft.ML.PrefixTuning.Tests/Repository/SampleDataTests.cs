using System.IO;
using System.Linq;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>The rows of the samples.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class SampleDataTests
{
    [TestMethod]
    [DataRow("TableToText", "train.tsv", "test.tsv", 0)]
    [DataRow("Summarization", "train.tsv", "test.tsv", 0)]
    [DataRow("ControlledGeneration", "train.tsv", "judge.tsv", 1)]
    public void Files_ToTrainAndToMeasure_ShareNoSource(string sample, string train, string measure, int column)
    {
        string[] trained = Column(train), measured = Column(measure);
        Assert.IsNotEmpty(trained);
        Assert.IsNotEmpty(measured);
        Assert.IsEmpty(trained.Intersect(measured));

        string[] Column(string file) => [.. File.ReadLines(Path.Combine(Source.Root, "samples", sample, "data", file))
            .Skip(1).Select(line => line.Split('\t')[column])];
    }
}
