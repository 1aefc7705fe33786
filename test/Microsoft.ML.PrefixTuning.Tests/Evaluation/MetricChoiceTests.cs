using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Evaluation;

/// <summary>Measures that were not asked for are NaN; those that were are what they are among all.</summary>
[TestClass, TestCategory("Metrics"), TestCategory("Quick")]
public sealed class MetricChoiceTests
{
    private static readonly Dictionary<TextMetrics, string[]> Figures = new()
    {
        [TextMetrics.None] = [],
        [TextMetrics.Bleu] = ["Bleu", "BleuByOrder", "BleuBrevityPenalty"],
        [TextMetrics.Nist] = ["Nist"],
        [TextMetrics.Meteor] = ["Meteor"],
        [TextMetrics.Rouge] = ["Rouge1", "Rouge2", "RougeL", "RougeLsum"],
        [TextMetrics.Cider] = ["Cider"],
        [TextMetrics.ChrF] = ["ChrF", "ChrFPlusPlus"],
        [TextMetrics.Ter] = ["Ter"],
        [TextMetrics.ExactMatch] = ["ExactMatch"],
        [TextMetrics.E2E] = ["E2E", "Nist", "Meteor", "Cider"],
        [TextMetrics.WebNlg] = ["WebNlg", "Meteor"],
        [TextMetrics.Bleu | TextMetrics.Ter] = ["Bleu", "BleuByOrder", "BleuBrevityPenalty", "Ter"],
    };

    private static readonly string[] Always = ["SegmentCount", "OutputLength", "ReferenceLength", "Notes"];

    private readonly MLContext _mlContext = new(seed: 1);

    public static IEnumerable<object[]> Choices => Figures.Keys.Select(choice => new object[] { choice });

    [TestMethod]
    [DynamicData(nameof(Choices))]
    public void Evaluate_ChosenMetrics_GivesTheirFiguresAlone(TextMetrics choice)
    {
        TextGenerationMetrics all = Evaluate(TextMetrics.All), found = Evaluate(choice);

        foreach (PropertyInfo property in typeof(TextGenerationMetrics).GetProperties())
        {
            object value = property.GetValue(found)!;
            if (property.Name == "Notes")
                continue;
            if (Figures[choice].Contains(property.Name) || Always.Contains(property.Name))
                CollectionAssert.AreEqual(Numbers(property.GetValue(all)!), Numbers(value), property.Name);
            else
                Assert.IsTrue(Numbers(value).All(double.IsNaN), $"{property.Name}: {value}");
        }
    }

    [TestMethod]
    public void Choices_OfTheTest_AreEveryMetric()
    {
        TextMetrics[] single = [.. Enum.GetValues<TextMetrics>().Where(metric => metric is not TextMetrics.All)];
        CollectionAssert.IsSubsetOf(single, Figures.Keys);
        Assert.AreEqual(TextMetrics.All, single.Aggregate((all, metric) => all | metric));
        CollectionAssert.AreEquivalent(typeof(TextGenerationMetrics).GetProperties().Select(property => property.Name)
            .ToArray(),
            Figures.Values.SelectMany(names => names).Concat(Always).Distinct().ToArray());
    }

    [TestMethod]
    public void Evaluate_UnknownMetric_IsRefused()
    {
        ArgumentException refusal = Assert.ThrowsExactly<ArgumentException>(() => Evaluate((TextMetrics)(1 << 20)));
        Assert.AreEqual("Metrics: expected values of TextMetrics, found 1048576. (Parameter 'options')",
            refusal.Message);
    }

    private static double[] Numbers(object value) => value switch
    {
        int count => [count],
        double figure => [figure],
        IEnumerable<double> figures => [.. figures],
        _ => [.. value.GetType().GetProperties().Select(property => (double)property.GetValue(value)!)],
    };

    private TextGenerationMetrics Evaluate(TextMetrics metrics)
    {
        Row[] rows = [new("The Eagle is a cheap pub.", "The Eagle is a pub."), new("Food", "It serves French food.")];
        return _mlContext.TextGeneration.Evaluate(_mlContext.Data.LoadFromEnumerable(rows), nameof(Row.Reference),
            nameof(Row.Output), new TextGenerationEvaluationOptions { Metrics = metrics });
    }

    private sealed record Row(string Output, string Reference);
}
