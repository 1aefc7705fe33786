using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.Data;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>Rows of one input with texts of their own.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class DrawColumnTests
{
    private static readonly MLContext Context = new(seed: 1);

    private static readonly Row[] Rows =
        [.. Enumerable.Range(0, 6).Select(i => new Row { Input = "name : Venue", Number = i % 3, Text = $"{i % 3}" })];

    [TestMethod]
    public void Transform_OfRowsWithNumbers_DrawsATextForEachNumber()
    {
        using PrefixTuningTransformer model = Fit("Number");
        string[] texts = Texts(model, Rows);
        Assert.HasCount(3, texts.Distinct());
        CollectionAssert.AreEqual(texts[..3], texts[3..]);
        // A row's text depends on its number and on no other row.
        CollectionAssert.AreEqual(texts[2..3], Texts(model, Rows[2..3]));
        using PrefixTuningTransformer without = Fit(null);
        Assert.HasCount(1, Texts(without, Rows).Distinct());
    }

    [TestMethod]
    public void Transform_OfRowsWithTexts_DrawsAsForTheNumbers()
    {
        using PrefixTuningTransformer numbers = Fit("Number"), words = Fit("Text");
        CollectionAssert.AreEqual(Texts(numbers, Rows), Texts(words, Rows));
    }

    [TestMethod]
    public void Engine_OfRowsWithNumbers_WritesTheSameTexts()
    {
        using PrefixTuningTransformer model = Fit("Number");
        string[] expected = Texts(model, Rows);
        var options = new PredictionEngineOptions { OwnsTransformer = false };
        using PredictionEngine<Row, Written> engine =
            Context.Model.CreatePredictionEngine<Row, Written>(model, options);
        CollectionAssert.AreEqual(expected, Rows.Select(row => engine.Predict(row).Output).ToArray());
    }

    [TestMethod]
    public void Transform_WithoutTheColumn_IsRefusedAndTrainingIsNot()
    {
        PrefixTuningOptions options = TinyBase.Quick with { Generation = Options("Draw") };
        using PrefixTuningTransformer trained = TinyBase.Fit(Context, options);
        var missing = Assert.ThrowsExactly<ArgumentOutOfRangeException>(() =>
            trained.Transform(Context.Data.LoadFromEnumerable(Rows)));
        Assert.Contains("Could not find draw column 'Draw'", missing.Message);
        // What is promised asks for what Fit does.
        SchemaShape shape = HiddenMembers.MakeShape(Context.Data.LoadFromEnumerable(Rows).Schema);
        Context.Transforms.Text.DistillPrefix("Output", "Input", TinyBase.Llama,
            PrefixTeacher.FromText("Write a short text about the venue."),
            new DistillationOptions { Student = options }).GetOutputSchema(shape);
        using PrefixTuningTransformer model = Fit("Number");
        var wrong = Assert.ThrowsExactly<ArgumentOutOfRangeException>(() =>
            model.Transform(Context.Data.LoadFromEnumerable(Rows.Select(row => new { row.Input, Number = true }))));
        Assert.Contains("'Number': expected String, a number or a key", wrong.Message);
    }

    private static GenerationOptions Options(string? column) => new()
    {
        MaxNewTokens = 12,
        Decoding = Decoding.Sampling(temperature: 3, seed: 2) with { DrawColumnName = column },
    };

    private static PrefixTuningTransformer Fit(string? column) => Context.Transforms.Text.GenerateText("Output",
        "Input", TinyBase.Llama, options: new TextGenerationOptions { Generation = Options(column) })
        .Fit(Context.Data.LoadFromEnumerable(Rows));

    private static string[] Texts(PrefixTuningTransformer model, IEnumerable<Row> rows) =>
        [.. model.Transform(Context.Data.LoadFromEnumerable(rows)).GetColumn<string>("Output")];

    private sealed class Written
    {
        public string Output { get; set; } = "";
    }

    private sealed class Row
    {
        public string Input { get; set; } = "";

        public int Number { get; set; }

        public string Text { get; set; } = "";
    }
}
