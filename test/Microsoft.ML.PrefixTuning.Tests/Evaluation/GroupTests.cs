using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Evaluation;

/// <summary>
/// Groups of rows with several outputs: each distinct one is measured against all references of the group.
/// </summary>
[TestClass, TestCategory("Metrics"), TestCategory("Quick")]
public sealed class GroupTests
{
    private static readonly JsonSerializerOptions Exact =
        new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    private static readonly Row[] Rows =
    [
        new("The Eagle is a cheap pub.", "The Eagle is a pub that is cheap.", "a"),
        new("A cheap pub is The Eagle.", "The Eagle is a cheap pub.", "a"),
        new("The Eagle is a cheap pub.", "Eagle, a cheap pub, is near.", "a"),
        new("", "It serves food.", "b"),
        new("It serves food", "French food is served.", "b"),
        new("pub Eagle cheap", "The Eagle is a pub that is cheap.", "a"),
        new("It serves food", "", "b"),
        new("Alone", "Alone it is", "c"),
    ];

    private readonly MLContext _mlContext = new(seed: 1);

    [TestMethod]
    public void Evaluate_DifferentOutputsInAGroup_MeasuresEachAgainstAllReferences()
    {
        Vector[] vectors = [.. Rows.GroupBy(row => row.Name)
            .SelectMany(group => group.Select(row => row.Output).Distinct()
            .Select(output => new Vector(output,
                [.. group.Select(row => row.Reference).Where(text => text.Length > 0)])))];

        TextGenerationMetrics found = Evaluate(Rows), expected = _mlContext.TextGeneration.Evaluate(
            _mlContext.Data.LoadFromEnumerable(vectors), nameof(Vector.References), nameof(Vector.Output));

        Assert.AreEqual(6, found.SegmentCount);
        Assert.AreEqual(expected.Bleu, found.Bleu);
        Assert.AreEqual(expected.Rouge2.F, found.Rouge2.F);
        Assert.AreEqual(expected.Meteor, found.Meteor);
        Assert.AreEqual(expected.Cider, found.Cider);
        Assert.AreEqual(expected.Nist, found.Nist);
        Assert.AreEqual(expected.Ter, found.Ter);
        Assert.AreEqual(expected.OutputLength, found.OutputLength);
        Assert.AreEqual(expected.ReferenceLength, found.ReferenceLength);
    }

    [TestMethod]
    public void Evaluate_RowsInAnyOrder_GivesTheSameDigits()
    {
        string expected = JsonSerializer.Serialize(Evaluate(Rows), Exact);
        var random = new Random(5);
        for (int i = 0; i < 20; i++)
        {
            Row[] shuffled = [.. Rows.OrderBy(_ => random.Next())];
            Assert.AreEqual(expected, JsonSerializer.Serialize(Evaluate(shuffled), Exact),
                string.Join('\n', (object[])shuffled));
        }
    }

    // Two references with one F of ROUGE but other precision and recall: the order must not decide.
    [TestMethod]
    public void Evaluate_EquallyGoodReferences_TakesTheSameInAnyOrder()
    {
        Row first = new("a b c d", "a b", "g"), second = new("a b c d", "a b c d e f g h", "g");
        TextGenerationMetrics there = Evaluate([first, second]), back = Evaluate([second, first]);
        Assert.AreEqual(there.Rouge1, back.Rouge1);
        Assert.AreEqual(there.Meteor, back.Meteor);
    }

    [TestMethod]
    public void Evaluate_OneOutputPerGroup_IsUnmovedByRepeatingIt()
    {
        Row[] rows = [.. Rows.Where(row => row.Name == "c")];
        Assert.AreEqual(1, Evaluate([rows[0], rows[0] with { Reference = "Alone" }]).SegmentCount);
    }

    private TextGenerationMetrics Evaluate(IEnumerable<Row> rows) => _mlContext.TextGeneration.Evaluate(
        _mlContext.Data.LoadFromEnumerable(rows), nameof(Row.Reference), nameof(Row.Output),
        new TextGenerationEvaluationOptions { GroupColumnName = nameof(Row.Name) });

    private sealed record Row(string Output, string Reference, string Name);

    private sealed record Vector(string Output, [property: Data.VectorType] string[] References);
}
