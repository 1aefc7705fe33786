using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Evaluation;
using Microsoft.ML.PrefixTuning.Tests.Evaluation;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests;

[TestClass, TestCategory("Metrics"), TestCategory("Quick")]
public class TextGenerationCatalogTests
{
    private static readonly Segment[] Rows =
    [
        new("The Eagle is a cheap pub.", "The Eagle is a cheap pub near the river.", "A cheap pub is The Eagle."),
        new("It serves food", "It serves French food."),
        new("", "Nothing was written."),
        new("Naïve café 😀", "Naïve café 😀"),
    ];

    private readonly MLContext _mlContext = new(seed: 1);

    [TestMethod]
    public void Evaluate_VectorOfReferences_EqualsTheFunctions() => AssertFigures(Rows, Evaluate(VectorView(Rows)));

    [TestMethod]
    public void Evaluate_GoldenSet_EqualsTheTools()
    {
        JsonElement golden = GoldenMetrics.Of("e2eexample");
        JsonElement sacreBleu = golden.GetProperty("sacrebleu"), coco = golden.GetProperty("pycocoevalcap_on_tok");
        double meteor = golden.GetProperty("METEOR-1.5_en_norm_no_paraphrase").GetProperty("exact_stem")
            .GetProperty("final").GetDouble();
        double mtevalBleu = 100 * golden.GetProperty("pymteval").GetProperty("BLEU").GetDouble();

        TextGenerationMetrics metrics = Evaluate(VectorView(GoldenMetrics.Segments("e2eexample")));

        Assert.AreEqual(sacreBleu.GetProperty("BLEU_default").GetProperty("score").GetDouble(), metrics.Bleu, 1e-9);
        Assert.AreEqual(sacreBleu.GetProperty("chrF2++").GetProperty("score").GetDouble(), metrics.ChrFPlusPlus, 1e-9);
        Assert.AreEqual(sacreBleu.GetProperty("TER_default").GetProperty("score").GetDouble(), metrics.Ter, 1e-9);
        Assert.AreEqual(mtevalBleu, metrics.E2E.Bleu, 1e-9);
        Assert.AreEqual(golden.GetProperty("pymteval").GetProperty("NIST").GetDouble(), metrics.E2E.Nist, 1e-9);
        Assert.AreEqual(100 * meteor, metrics.E2E.Meteor, 1e-9);
        Assert.AreEqual(100 * coco.GetProperty("ROUGE_L").GetDouble(), metrics.E2E.RougeL, 1e-9);
        Assert.AreEqual(coco.GetProperty("CIDEr").GetDouble(), metrics.E2E.Cider, 1e-9);
        Assert.AreEqual(mtevalBleu, metrics.WebNlg.Bleu, 1e-9);
        Assert.AreEqual(meteor, metrics.WebNlg.Meteor, 1e-9);
        Assert.AreEqual(sacreBleu.GetProperty("TER_normalized").GetProperty("score").GetDouble() / 100,
            metrics.WebNlg.Ter, 1e-9);
    }

    [TestMethod]
    public void Evaluate_ScalarLabel_IsOneReference()
    {
        IDataView view = _mlContext.Data
            .LoadFromEnumerable(Rows.Select(row => new GroupedRow(row.References[0], row.Output, "", 0)));
        AssertFigures([.. Rows.Select(row => new Segment(row.Output, row.References[0]))], Evaluate(view, "Reference"));
    }

    [TestMethod]
    [DataRow("Name")]
    [DataRow("Number")]
    [DataRow("Key")]
    public void Evaluate_GroupColumn_GathersReferences(string column)
    {
        // The second rows of the groups come after all the first ones.
        IEnumerable<GroupedRow> first =
            Rows.Select((row, i) => new GroupedRow(row.References[0], row.Output, $"row {i}", i));
        IEnumerable<GroupedRow> rest = Rows.SelectMany((row, i) =>
            row.References.Skip(1).Select(text => new GroupedRow(text, row.Output, $"row {i}", i)));
        IDataView view = _mlContext.Data.LoadFromEnumerable(first.Concat(rest));
        IDataView keyed = _mlContext.Transforms.Conversion.MapValueToKey("Key", "Name").Fit(view).Transform(view);

        AssertFigures(Rows,
            Evaluate(keyed, "Reference", new TextGenerationEvaluationOptions { GroupColumnName = column }));
    }

    [TestMethod]
    public void Evaluate_EmptyTextsInAVector_AreMissingReferences()
    {
        IDataView view = _mlContext.Data.LoadFromEnumerable([new VectorRow(["a b c d", "", ""], "a b c d e")]);
        AssertFigures([new Segment("a b c d e", "a b c d")], Evaluate(view));
        IDataView none = _mlContext.Data.LoadFromEnumerable([new VectorRow([], "a b")]);
        AssertFigures([new Segment("a b", "")], Evaluate(none));
    }

    [TestMethod]
    public void Evaluate_EmptyTextsInAGroup_AreMissingReferences()
    {
        // Without a reference in any of its rows, a group is measured against an empty text.
        Segment[] expected = [new Segment("a b c d e", "a b c d"), new Segment("x y", "")];
        var options = new TextGenerationEvaluationOptions { GroupColumnName = "Name" };
        IDataView vectors = _mlContext.Data.LoadFromEnumerable(
        [
            new VectorRow(["", ""], "a b c d e") { Name = "first" },
            new VectorRow(["a b c d"], "a b c d e") { Name = "first" },
            new VectorRow([], "a b c d e") { Name = "first" },
            new VectorRow([""], "x y") { Name = "second" },
            new VectorRow([], "x y") { Name = "second" },
        ]);
        IDataView scalars = _mlContext.Data.LoadFromEnumerable(
        [
            new GroupedRow("a b c d", "a b c d e", "first", 0),
            new GroupedRow("", "a b c d e", "first", 0),
            new GroupedRow("", "x y", "second", 0),
            new GroupedRow("", "x y", "second", 0),
        ]);

        AssertFigures(expected, Evaluate(vectors, options: options));
        AssertFigures(expected, Evaluate(scalars, "Reference", options));
    }

    [TestMethod]
    [DataRow("Name", "an empty text")]
    [DataRow("Key", "a missing key")]
    public void Evaluate_MissingGroup_IsRefusedByRowAndColumn(string column, string found)
    {
        IDataView known = _mlContext.Data.LoadFromEnumerable([new GroupedRow("a", "b", "first", 1)]);
        IDataView view =
            _mlContext.Data.LoadFromEnumerable([new GroupedRow("a", "b", "first", 1), new GroupedRow("c", "d", "", 0)]);
        IDataView keyed = _mlContext.Transforms.Conversion.MapValueToKey("Key", "Name").Fit(known).Transform(view);
        var options = new TextGenerationEvaluationOptions { GroupColumnName = column };

        ArgumentException refusal =
            Assert.ThrowsExactly<ArgumentException>(() => Evaluate(keyed, "Reference", options));

        Assert.AreEqual($"Row 2 (the first is 1), column '{column}': expected a group, found {found}.",
            refusal.Message);
    }

    [TestMethod]
    public void Evaluate_NumberZero_IsAGroup()
    {
        IDataView view = _mlContext.Data.LoadFromEnumerable([new GroupedRow("a b", "a c", "", 0),
            new GroupedRow("a c", "a c", "", 0)]);
        TextGenerationMetrics metrics = Evaluate(view, "Reference",
            new TextGenerationEvaluationOptions { GroupColumnName = "Number" });
        AssertFigures([new Segment("a c", "a b", "a c")], metrics);
    }

    [TestMethod]
    public void Evaluate_Options_ReachTheFunctions()
    {
        Segment[] rows = [new("the Eagle is serving cheap food now", "The Eagle serves cheap foods now!")];
        var options = new TextGenerationEvaluationOptions
        {
            Lowercase = true,
            BleuTokenization = BleuTokenization.None,
            BleuSmoothing = BleuSmoothing.AddK,
            RougeStemming = true,
        };

        TextGenerationMetrics metrics = Evaluate(VectorView(rows), options: options);

        var bleu = new BleuOptions
        {
            Lowercase = true,
            Tokenization = BleuTokenization.None,
            Smoothing = BleuSmoothing.AddK
        };
        Assert.AreEqual(Bleu.Corpus(rows, bleu).Score, metrics.Bleu);
        Assert.AreEqual(ChrF.Corpus(rows, new ChrFOptions { Lowercase = true }), metrics.ChrF);
        Assert.AreEqual(Rouge.Corpus(rows, stem: true).Rouge1, metrics.Rouge1);
        Assert.AreNotEqual(Evaluate(VectorView(rows)).Rouge1, metrics.Rouge1);
    }

    [TestMethod]
    [DataRow(null)]
    [DataRow("Name")]
    public void Evaluate_NoRows_IsRefused(string? group)
    {
        var options = new TextGenerationEvaluationOptions { GroupColumnName = group };
        ArgumentException refusal =
            Assert.ThrowsExactly<ArgumentException>(() => Evaluate(VectorView([]), options: options));
        Assert.AreEqual("Expected rows to measure, found none. (Parameter 'data')", refusal.Message);
    }

    [TestMethod]
    [DataRow("Nope", "Output", null, "Could not find label column 'Nope' (Parameter 'labelColumnName')")]
    [DataRow("Reference", "Nope", null, "Could not find output column 'Nope' (Parameter 'outputColumnName')")]
    [DataRow("Reference", "Output", "Nope", "Could not find group column 'Nope' (Parameter 'groupColumnName')")]
    [DataRow("Number", "Output", null,
        "Schema mismatch for label column 'Number': expected String or a vector of String, got Int32 (Parameter"
            + " 'labelColumnName')")]
    [DataRow("Reference", "Number", null,
        "Schema mismatch for output column 'Number': expected String or a vector of String, got Int32 (Parameter"
            + " 'outputColumnName')")]
    [DataRow("Reference", "Output", "Weight",
        "Schema mismatch for group column 'Weight': expected String, a key or an integer, got Single (Parameter"
            + " 'groupColumnName')")]
    public void Evaluate_WrongColumns_Says(string label, string output, string? group, string message)
    {
        IDataView view = _mlContext.Data.LoadFromEnumerable([new GroupedRow("a", "b", "c", 1)]);
        var options = new TextGenerationEvaluationOptions { GroupColumnName = group };

        ArgumentOutOfRangeException refusal = Assert.ThrowsExactly<ArgumentOutOfRangeException>(
            () => _mlContext.TextGeneration.Evaluate(view, label, output, options));

        Assert.AreEqual(message, refusal.Message);
    }

    [TestMethod]
    public void Evaluate_MissingMeteorFolder_NamesIt()
    {
        var options = new TextGenerationEvaluationOptions { MeteorFolder = "/nowhere/at/all" };
        DirectoryNotFoundException refusal =
            Assert.ThrowsExactly<DirectoryNotFoundException>(() => Evaluate(VectorView(Rows), options: options));
        StringAssert.Contains(refusal.Message, "/nowhere/at/all");
    }

    [TestMethod]
    public void Evaluate_MissingMeteorFolder_IsToldBeforeARowIsRead()
    {
        bool isRead = false;
        IDataView view = _mlContext.Data.LoadFromEnumerable(Lazily());
        var options = new TextGenerationEvaluationOptions { MeteorFolder = "/nowhere/at/all" };
        Assert.ThrowsExactly<DirectoryNotFoundException>(() => Evaluate(view, options: options));
        Assert.IsFalse(isRead);
        // Without METEOR nobody asks for it.
        Evaluate(view, options: options with { Metrics = TextMetrics.Bleu });
        Assert.IsTrue(isRead);

        IEnumerable<VectorRow> Lazily()
        {
            isRead = true;
            yield return new VectorRow(["a"], "b");
        }
    }

    [TestMethod]
    public void Evaluate_OfOneColumnAsLabelAndOutput_IsRefused() => StringAssert.Contains(
        Assert.ThrowsExactly<ArgumentException>(() => Evaluate(VectorView(Rows), "Output")).Message,
        "Expected another column than that of the labels");

    [TestMethod]
    public void Evaluate_CancelledContext_Stops()
    {
        IDataView view = VectorView(Rows);
        HiddenMembers.CancelExecution(_mlContext);
        Assert.ThrowsExactly<OperationCanceledException>(() => Evaluate(view));
    }

    // The order in which texts are measured, whatever that of the rows.
    private static Segment[] Sorted(IEnumerable<Segment> segments) => [.. segments
        .Select(segment => new Segment(segment.Output,
            [.. segment.References.OrderByDescending(text => text.Length)
                .ThenBy(text => text, StringComparer.Ordinal)]))
        .OrderBy(segment => segment.Output, StringComparer.Ordinal)];

    private IDataView VectorView(IEnumerable<Segment> rows) =>
        _mlContext.Data.LoadFromEnumerable(rows.Select(row => new VectorRow([.. row.References], row.Output)));

    private TextGenerationMetrics Evaluate(IDataView view, string label = "References",
        TextGenerationEvaluationOptions? options = null) =>
        _mlContext.TextGeneration.Evaluate(view, label, "Output", options);

    private static void AssertFigures(Segment[] rows, TextGenerationMetrics metrics)
    {
        rows = Sorted(rows);
        BleuScore bleu = Bleu.Corpus(rows, BleuOptions.Default);
        RougeScores rouge = Rouge.Corpus(rows, stem: false);
        Lengths lengths = Lengths.Of(rows);
        double meteor = Meteor.Corpus(rows, MeteorResources.BuiltIn).Score, nist = Nist.Corpus(rows),
            cider = Cider.Corpus(rows);
        double mtevalBleu = 100 * MtevalBleu.Corpus(rows);
        Assert.AreEqual(rows.Length, metrics.SegmentCount);
        Assert.AreEqual(bleu.Score, metrics.Bleu);
        Assert.AreEqual(bleu.BrevityPenalty, metrics.BleuBrevityPenalty);
        CollectionAssert.AreEqual(new[] { 1, 2, 3, 4 }.Select(order =>
            Bleu.Corpus(rows, new BleuOptions { MaxOrder = order }).Score).ToArray(), metrics.BleuByOrder.ToArray());
        Assert.AreEqual(nist, metrics.Nist);
        Assert.AreEqual(meteor, metrics.Meteor);
        Assert.AreEqual(rouge, new RougeScores(metrics.Rouge1, metrics.Rouge2, metrics.RougeL, metrics.RougeLsum));
        Assert.AreEqual(cider, metrics.Cider);
        Assert.AreEqual(ChrF.Corpus(rows, ChrFOptions.Default), metrics.ChrF);
        Assert.AreEqual(ChrF.Corpus(rows, ChrFOptions.WithWords), metrics.ChrFPlusPlus);
        Assert.AreEqual(Ter.Corpus(rows, normalize: false).Score, metrics.Ter);
        Assert.AreEqual(ExactMatch.Corpus(rows), metrics.ExactMatch);
        Assert.AreEqual(lengths, new Lengths(metrics.OutputLength, metrics.ReferenceLength));
        Assert.AreEqual(new E2EMetrics(mtevalBleu, nist, 100 * meteor, 100 * CaptionRougeL.Corpus(rows), cider),
            metrics.E2E);
        Assert.AreEqual(new WebNlgMetrics(mtevalBleu, meteor, Ter.Corpus(rows, normalize: true).Score / 100),
            metrics.WebNlg);
    }

    private sealed record VectorRow([property: VectorType] string[] References, string Output)
    {
        public string Name { get; init; } = "";
    }

    private sealed record GroupedRow(string Reference, string Output, string Name, int Number)
    {
        public float Weight { get; init; } = 1;
    }
}
