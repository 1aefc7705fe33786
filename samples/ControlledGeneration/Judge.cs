using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.Data;

namespace Microsoft.ML.PrefixTuning.Samples.ControlledGeneration;

/// <summary>
/// ML.NET's own text classifier, trained on sentences that the prefix never saw: says which polarity a text has.
/// </summary>
internal sealed class Judge : IDisposable
{
    private readonly PredictionEngine<Judged, Verdict> _engine;

    /// <summary>Trains a classifier, and tests it on a tenth of the rows.</summary>
    public Judge(MLContext mlContext, IEnumerable<Review> reviews)
    {
        IDataView rows = mlContext.Data.LoadFromEnumerable(reviews.Select(review =>
            new Judged { Text = review.Sentence, IsPositive = review.Polarity == "positive" }));
        DataOperationsCatalog.TrainTestData split = mlContext.Data.TrainTestSplit(rows, testFraction: 0.1,
            // The same sentence never stands on both sides.
            samplingKeyColumnName: nameof(Judged.Text));
        var pipeline = mlContext.Transforms.Text.FeaturizeText("Features", nameof(Judged.Text))
            .Append(mlContext.BinaryClassification.Trainers.AveragedPerceptron(nameof(Judged.IsPositive)));
        var model = pipeline.Fit(split.TrainSet);
        Accuracy = mlContext.BinaryClassification.EvaluateNonCalibrated(model.Transform(split.TestSet),
            nameof(Judged.IsPositive)).Accuracy;
        _engine = mlContext.Model.CreatePredictionEngine<Judged, Verdict>(model);
    }

    /// <summary>The share of real sentences that it judges as their authors meant them.</summary>
    public double Accuracy { get; }

    /// <summary>The share of texts whose polarity it finds to be the wanted one.</summary>
    public double Share(IEnumerable<Continuation> texts) => texts.Average(text => IsRight(text) ? 1.0 : 0.0);

    /// <summary>Whether a text has the wanted polarity.</summary>
    public bool IsRight(Continuation text) =>
        _engine.Predict(new Judged { Text = text.Opening + text.Rest }).IsPositive == (text.Polarity == "positive");

    public void Dispose() => _engine.Dispose();

    private sealed class Judged
    {
        public string Text { get; set; } = "";

        public bool IsPositive { get; set; }
    }

    private sealed class Verdict
    {
        [ColumnName("PredictedLabel")]
        public bool IsPositive { get; set; }
    }
}
