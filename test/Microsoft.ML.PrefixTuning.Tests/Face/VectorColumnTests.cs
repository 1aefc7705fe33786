using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.Data;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>Columns that have several texts a row.</summary>
[TestClass]
public sealed class VectorColumnTests
{
    private static readonly MLContext Context = new(seed: 1);

    [TestMethod]
    public void Fit_OnLabelsThatAreVectors_TrainsOnARowEach()
    {
        FaceRow[] rows = [.. TinyBase.Rows(6)];
        IEnumerable<VectorRow> vectors =
            rows.Select(row => new VectorRow { Input = row.Input, Label = [row.Label, row.Label + " too"] });
        IEnumerable<FaceRow> single = rows.SelectMany(row =>
            new[] { row, new FaceRow { Input = row.Input, Label = row.Label + " too" } });
        using PrefixTuningTransformer several = Fit(Context.Data.LoadFromEnumerable(vectors));
        using PrefixTuningTransformer each = Fit(Context.Data.LoadFromEnumerable(single));
        Assert.AreEqual(each.Prefix!.Hash(), several.Prefix!.Hash());
    }

    [TestMethod]
    public void Fit_OnOtherVectors_IsRefusedByColumn()
    {
        IDataView rows = Context.Data.LoadFromEnumerable([new VectorRow { Input = "a", Label = [] }]);
        Assert.Contains("Row 1 (the first is 1), column 'Label': expected a text, found an empty one",
            Assert.ThrowsExactly<ArgumentException>(() => Fit(rows)).Message);
        string message = Assert.ThrowsExactly<ArgumentOutOfRangeException>(() =>
            Estimator("Label", "Input").Fit(rows)).Message;
        Assert.Contains("input column 'Label': expected String, got Vector<String>", message);
        Assert.Contains("label column 'Numbers'", Assert.ThrowsExactly<ArgumentOutOfRangeException>(() =>
            Estimator("Input", "Numbers").Fit(rows)).Message);
    }

    [TestMethod]
    public void GetOutputSchema_OfALabelThatIsAVector_AllowsIt()
    {
        SchemaShape shape = Shape(Context.Data.LoadFromEnumerable([new VectorRow()]));
        Estimator("Input", "Label").GetOutputSchema(shape);
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => Estimator("Label", "Label").GetOutputSchema(shape));
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => Estimator("Input", "Numbers").GetOutputSchema(shape));
    }

    [TestMethod]
    public void Evaluate_OfAnOutputThatIsAVector_MeasuresItsFirstText()
    {
        VectorRow[] rows = [new() { Input = "The A1 is a pub .", Label = ["The A1 is a pub .", "x"] }];
        IDataView data = Context.Data.LoadFromEnumerable(rows);
        Assert.AreEqual(1, Context.TextGeneration.Evaluate(data, "Input", "Label").ExactMatch);
        Assert.AreEqual(0, Context.TextGeneration.Evaluate(Context.Data.LoadFromEnumerable([rows[0] with { Label =
            ["x", rows[0].Input] }]), "Input", "Label").ExactMatch);
        string message = Assert.ThrowsExactly<ArgumentException>(() => Context.TextGeneration.Evaluate(
            Context.Data.LoadFromEnumerable([rows[0], rows[0] with { Label = [] }]), "Input", "Label")).Message;
        Assert.Contains("Row 2 (the first is 1), column 'Label': expected a text, found an empty vector", message);
    }

    private static SchemaShape Shape(IDataView data) =>
        Context.Transforms.CopyColumns("Copy",
            "Input").GetOutputSchema(HiddenMembers.MakeShape(data.Schema));

    private static PrefixTuningTransformer Fit(IDataView rows) => Estimator("Input", "Label").Fit(rows);

    private static PrefixTuningEstimator Estimator(string input, string label) =>
        Context.Transforms.Text.PrefixTune("Output", input, label,
        BaseModel.FromFolder(TinyBase.Folder("llama")), TinyBase.Quick with
        {
            Training = TinyBase.Quick.Training with { MaxSteps = 3, ValidationFraction = 0 },
        });

    private sealed record VectorRow
    {
        public string Input { get; set; } = "";

        public string[] Label { get; set; } = [];

        [VectorType(2)]
        public float[] Numbers { get; set; } = [0, 0];
    }
}
