using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Signals;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Sweeps;

/// <summary>Folds on one loaded base.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class CrossValidationTests
{
    private static readonly MLContext Context = new(seed: 1);

    [TestMethod]
    public void CrossValidate_OfThreeFolds_MeasuresEachRowOnceAndLoadsTheBaseOnce()
    {
        using TemporaryFolder folder = new TemporaryFolder().CopyFrom(TinyBase.Folder("llama"));
        var loads = new List<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == SignalSource.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if (activity.OperationName == "prefix_tuning.load_base"
                    && (string?)activity.GetTagItem(SignalSource.BaseTag) == Path.GetFileName(folder.Path))
                    loads.Add(activity);
            },
        };
        ActivitySource.AddActivityListener(listener);
        // Two rows an input.
        FaceRow[] rows = [.. TinyBase.Rows(15), .. TinyBase.Rows(15)];
        PrefixTuningEstimator estimator = TinyBase.Estimator(Context, TinyBase.Quick with
        {
            Training = TinyBase.Quick.Training with { MaxSteps = 2, ValidationFraction = 0 },
        }, BaseModel.FromFolder(folder.Path));
        IReadOnlyList<CrossValidationFold> folds = Context.TextGeneration.CrossValidate(
            Context.Data.LoadFromEnumerable(rows), estimator, folds: 3,
            new TextGenerationEvaluationOptions { Metrics = TextMetrics.Bleu });
        CollectionAssert.AreEqual(new[] { 0, 1, 2 }, folds.Select(fold => fold.Fold).ToArray());
        Assert.AreEqual(rows.Length, folds.Sum(fold => fold.Metrics.SegmentCount));
        foreach (CrossValidationFold fold in folds)
        {
            Assert.AreEqual(rows.Length - fold.Metrics.SegmentCount, fold.Training.TrainingRows);
            // Rows of one input are on one side.
            Assert.AreEqual(2 * fold.Training.TrainingSources, fold.Training.TrainingRows);
            Assert.IsTrue(double.IsFinite(fold.Metrics.Bleu));
        }
        Assert.HasCount(1, loads);
    }

    [TestMethod]
    public void CrossValidate_CancelledWhileTheLastFoldIsWritten_Ends()
    {
        const int Folds = 2;
        using var cancellation = new CancellationTokenSource();
        int trained = 0;
        IEnumerable<FaceRow> rows = TinyBase.Rows(15).Select(row =>
        {
            if (trained == Folds)
                cancellation.Cancel();
            return row;
        });
        PrefixTuningEstimator estimator = TinyBase.Estimator(Context, TinyBase.Quick with
        {
            Training = TinyBase.Quick.Training with
            {
                MaxSteps = 2,
                ValidationFraction = 0,
                CancellationToken = cancellation.Token,
                Progress = at => trained += at.Step == at.TotalSteps ? 1 : 0,
            },
        });
        Assert.ThrowsExactly<OperationCanceledException>(() => Context.TextGeneration.CrossValidate(
            Context.Data.LoadFromEnumerable(rows), estimator, Folds));
    }

    [TestMethod]
    public void CrossValidate_WithAStateFile_IsRefused()
    {
        using var folder = new TemporaryFolder();
        PrefixTuningEstimator estimator = TinyBase.Estimator(Context, TinyBase.Quick with
        {
            Training = TinyBase.Quick.Training with { StateFile = folder["state"] },
        });
        IDataView rows = Context.Data.LoadFromEnumerable(TinyBase.Rows(6));
        var fault = Assert.ThrowsExactly<ArgumentException>(() =>
            Context.TextGeneration.CrossValidate(rows, estimator));
        Assert.Contains("Training.StateFile", fault.Message);
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() =>
            Context.TextGeneration.CrossValidate(rows, estimator, folds: 1));
    }

    [TestMethod]
    public void CrossValidate_OfWhatCouldNotBeMeasured_IsRefusedBeforeAnyTraining()
    {
        PrefixTuningOptions options = Told(_ => Assert.Fail("A training began."));
        PrefixTuningEstimator estimator = TinyBase.Estimator(Context, options);
        IDataView rows = Context.Data.LoadFromEnumerable(TinyBase.Rows(6));
        Refused("found one that writes into 'Label'",
            Context.Transforms.Text.PrefixTune("Label", "Input", "Label", TinyBase.Llama, options));
        Refused("group column, which", Context.Transforms.Text.PrefixTune("Input", "Input", "Label", TinyBase.Llama,
            options), new TextGenerationEvaluationOptions { GroupColumnName = "Input" });
        Refused("group column 'Group'", estimator, new TextGenerationEvaluationOptions { GroupColumnName = "Group" });
        Assert.ThrowsExactly<DirectoryNotFoundException>(() => Context.TextGeneration.CrossValidate(rows, estimator,
            evaluation: new TextGenerationEvaluationOptions { MeteorFolder = "/nowhere/at/all" }));
        Assert.Contains("Expected rows in each of 40 folds, found none in fold ",
            Assert.ThrowsExactly<ArgumentException>(() =>
                Context.TextGeneration.CrossValidate(rows, estimator, folds: 40)).Message);

        void Refused(string message, PrefixTuningEstimator estimator,
            TextGenerationEvaluationOptions? evaluation = null) => Assert.Contains(message,
            Assert.Throws<ArgumentException>(() =>
                Context.TextGeneration.CrossValidate(rows, estimator, evaluation: evaluation)).Message);
    }

    private static PrefixTuningOptions Told(Action<TrainingProgress> progress) => TinyBase.Quick with
    {
        Training = TinyBase.Quick.Training with { MaxSteps = 2, ValidationFraction = 0, Progress = progress },
    };
}
