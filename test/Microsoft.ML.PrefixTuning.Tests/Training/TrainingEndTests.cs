using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>What ends a training, what it gives then, and what it warns of.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TrainingEndTests
{
    [TestMethod]
    public void Train_WithoutMemory_NamesTheLongestRowAndTheOptions()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model);
        TrainingRun run = TinyTraining.Run(model);
        TrainingExample longest = run.Examples[3] with
        {
            Source = [.. Enumerable.Repeat(3, 50)],
            Line = "rows.csv, line 9",
        };
        var fault = Assert.ThrowsExactly<InvalidOperationException>(() => Trained.By(run with
        {
            Examples = [.. run.Examples.Take(2), longest],
            CheckAlive = () => zeros(1L << 50).Dispose(),
        }, direct));
        Assert.StartsWith($"Row {longest.Row + 1} (the first is 1; rows.csv, line 9): memory does not suffice for its"
            + $" {longest.Tokens} tokens", fault.Message);
        Assert.Contains("Lower TrainingOptions.BatchSize", fault.Message);
        Assert.DoesNotContain("\n", fault.Message);
    }

    [TestMethod]
    public void Train_CancelledByToken_ThrowsOrGivesTheBest()
    {
        using LanguageModel model = TinyTraining.Model();
        Trained outcome = Train(CancellationBehavior.ReturnBest);
        Assert.AreEqual(TrainingEnd.Cancelled, outcome.Summary.End);
        Assert.HasCount(3, outcome.Steps);
        Assert.AreEqual(3, outcome.Summary.BestStep);
        var fault = Assert.ThrowsExactly<OperationCanceledException>(() => Train(CancellationBehavior.Throw));
        Assert.AreEqual(
            "Training was cancelled after step 3 of 10; the best prefix so far (step 3) was not kept, for"
                + " TrainingOptions.StateFile is not set.", fault.Message);

        Trained Train(CancellationBehavior behavior)
        {
            using var source = new CancellationTokenSource();
            using TrainedKeyValues direct = TinyTraining.Direct(model);
            TrainingRun run = TinyTraining.Run(model);
            return Trained.By(run with
            {
                Options = run.Options with { CancellationToken = source.Token, WhenCancelled = behavior },
                Progress = progress =>
                {
                    if (progress.Step == 3)
                        source.Cancel();
                },
            }, direct);
        }
    }

    [TestMethod]
    public void Train_EndedBeforeItsFirstValidation_GivesWhatItHasLearned()
    {
        using LanguageModel model = TinyTraining.Model();
        using var source = new CancellationTokenSource();
        using TrainedKeyValues cancelled = TinyTraining.Direct(model), failed = TinyTraining.Direct(model);
        TrainingRun run = TinyTraining.Run(model) with { Validation = TinyTraining.Rows(4, seed: 9) };
        // One epoch, so that the rows are validated after the last step only.
        run = run with { Order = _ => [.. Enumerable.Range(0, 10).Select(row => (int[])[row % run.Examples.Count])] };
        Trained ofCancelled = Trained.By(run with
        {
            Options = run.Options with
            {
                CancellationToken = source.Token,
                WhenCancelled = CancellationBehavior.ReturnBest
            },
            Progress = progress => { if (progress.Step == 3) source.Cancel(); },
        }, cancelled);
        Assert.AreEqual((TrainingEnd.Cancelled, 3), (ofCancelled.Summary.End, ofCancelled.Summary.BestStep));
        CollectionAssert.AreEqual(TinyTraining.Values(cancelled.Bake()), TinyTraining.Values(ofCancelled.Best));
        bool poisoned = false;
        Trained ofFailed = Trained.By(run with
        {
            Objective = new Failing(run.Objective, () => poisoned),
            Progress = progress => poisoned = progress.Step >= 4,
        }, failed);
        Assert.AreEqual((TrainingEnd.Diverged, 4, 3),
            (ofFailed.Summary.End, ofFailed.Summary.BestStep, ofFailed.Summary.FailedSteps));
        CollectionAssert.AreEqual(TinyTraining.Values(failed.Bake()), TinyTraining.Values(ofFailed.Best));
    }

    [TestMethod]
    public void Train_WhenValidationNoLongerFalls_StopsAndKeepsTheBest()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model);
        // A target that training rows contradict: its loss can only rise.
        TrainingExample[] contrary = TinyTraining.Rows(4).Select(row => row with { Target = [30, 31, 32, 33, 34] })
            .ToArray();
        TrainingRun run = TinyTraining.Run(model, new TrainingOptions
        {
            MaxEpochs = 20,
            BatchSize = 4,
            WarmupSteps = 0,
            EarlyStopping = new EarlyStopping { Patience = 2 },
        });
        Trained outcome = Trained.By(run with { Validation = contrary }, direct);
        Assert.AreEqual(TrainingEnd.EarlyStopping, outcome.Summary.End);
        Assert.IsLessThan(20, outcome.Summary.Epochs);
        Assert.AreEqual(outcome.Summary.ValidationLosses[^3].Step, outcome.Summary.BestStep);
    }

    [TestMethod]
    public void Train_WithAStepThatIsNotFinite_ChangesNothingInIt()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model);
        float[]? before = null, after = null;
        TrainingRun run = TinyTraining.Run(model,
            new TrainingOptions { MaxEpochs = 2, BatchSize = 4, WarmupSteps = 0, MaxFailedSteps = 3 });
        Trained outcome = Trained.By(run with
        {
            CheckAlive = () => Poison(model, before is not null && after is null),
            Progress = progress =>
            {
                if (progress.Step == 4)
                    before = TinyTraining.Values(direct.Bake());
                if (progress.Step == 5)
                    after = TinyTraining.Values(direct.Bake());
            },
        }, direct);
        CollectionAssert.AreEqual(before, after);
        Assert.AreEqual(1, outcome.Summary.FailedSteps);
        Assert.IsTrue(outcome.Steps[4].Failed);
        Assert.AreEqual(TrainingEnd.Completed, outcome.Summary.End);
        Assert.Contains("1 of 10 steps changed nothing, for loss or gradient was not finite.", outcome.Warnings);
    }

    [TestMethod]
    public void Train_WithFailingStepsInARow_GivesTheLastGoodPrefixOrThrows()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model);
        bool poisoned = false;
        float[]? good = null;
        Trained outcome = Trained.By(TinyTraining.Run(model) with
        {
            Objective = new Failing(new CrossEntropyObjective(0), () => poisoned),
            Progress = progress =>
            {
                poisoned = progress.Step >= 4;
                if (progress.Step == 4)
                    good = TinyTraining.Values(direct.Bake());
            },
        }, direct);
        Assert.AreEqual((TrainingEnd.Diverged, 4, 3),
            (outcome.Summary.End, outcome.Summary.BestStep, outcome.Summary.FailedSteps));
        CollectionAssert.AreEqual(good, TinyTraining.Values(outcome.Best));

        using TrainedKeyValues other = TinyTraining.Direct(model);
        var fault = Assert.ThrowsExactly<InvalidOperationException>(() =>
            Trained.By(TinyTraining.Run(model) with { CheckAlive = () => Poison(model, true) }, other));
        Assert.StartsWith(
            "Training failed: step 3 is not finite (loss NaN, gradient norm NaN), as every step before it; learning"
                + " rate 0.05, rows ", fault.Message);
    }

    [TestMethod]
    public void Train_FromAStartWorseThanTheBase_Warns()
    {
        using LanguageModel model = TinyTraining.Model();
        using var direct = new TrainedKeyValues(TinyTraining.Start(model, PrefixStart.Random(3)), CPU);
        Trained outcome = Trained.By(TinyTraining.Run(model), direct);
        Assert.IsGreaterThan(outcome.Summary.BaseLoss, outcome.Summary.StartLoss);
        Assert.StartsWith("The starting prefix makes the base worse: ", outcome.Warnings[0]);
    }

    [TestMethod]
    [DataRow(true, "to its end")]
    [DataRow(false, "to its end")]
    [DataRow(true, "until steps fail")]
    [DataRow(false, "until steps fail")]
    [DataRow(true, "until it is cancelled")]
    [DataRow(false, "until it is cancelled")]
    [DataRow(true, "until it stops early")]
    public void Train_ThatOnlyMakesItWorse_GivesTheStartWhateverEndsIt(bool isValidated, string how)
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model);
        using var source = new CancellationTokenSource();
        float[] start = TinyTraining.Values(direct.Bake());
        int step = 0;
        TrainingRun run = TinyTraining.Run(model, new TrainingOptions
        {
            MaxEpochs = how == "until it stops early" ? 9 : 1,
            BatchSize = 4,
            Averaging = 0.5,
            EarlyStopping = how == "until it stops early" ? new EarlyStopping { Patience = 1 } : null,
            CancellationToken = source.Token,
            WhenCancelled = CancellationBehavior.ReturnBest,
            MaxFailedSteps = 1,
        });
        Trained outcome = Trained.By(run with
        {
            Objective = new Failing(new Rising(run.Objective), () => how == "until steps fail" && step == 3),
            Validation = isValidated ? [.. run.Examples.Take(8)] : [],
            Progress = progress =>
            {
                step = progress.Step;
                if (how == "until it is cancelled" && step == 3)
                    source.Cancel();
            },
        }, direct);
        Assert.AreEqual(how switch
        {
            "to its end" => TrainingEnd.Completed,
            "until steps fail" => TrainingEnd.Diverged,
            "until it is cancelled" => TrainingEnd.Cancelled,
            _ => TrainingEnd.EarlyStopping,
        }, outcome.Summary.End);
        Assert.AreEqual(0, outcome.Summary.BestStep);
        CollectionAssert.AreEqual(start, TinyTraining.Values(outcome.Best));
        Assert.Contains($"None of {outcome.Steps.Count} steps gave a lower loss than the start: what is kept is the"
            + " start. A lower TrainingOptions.LearningRate or more rows may help.", outcome.Warnings);
        if (how == "until steps fail")
        {
            Assert.Contains($"Training stopped after step {outcome.Steps.Count}, for it was not finite; the best prefix"
                + " is that of step 0.", outcome.Warnings);
        }
    }

    [TestMethod]
    public void Train_ThatEndsWorseThanTheBaseAlone_SaysSo()
    {
        using LanguageModel model = TinyTraining.Model();
        using var direct = new TrainedKeyValues(TinyTraining.Start(model, PrefixStart.Random(3)), CPU);
        Trained outcome = Trained.By(TinyTraining.Run(model) with
        {
            LearningRate = 1e-4,
            StartAdvice = "Start elsewhere.",
        }, direct);
        Assert.IsGreaterThan(0, outcome.Summary.BestStep);
        Assert.EndsWith($" {outcome.Summary.BaseLoss:F3} without. Start elsewhere.", outcome.Warnings[0]);
        Assert.StartsWith("The kept prefix is worse than the base alone: loss ", outcome.Warnings[1]);
        Assert.HasCount(2, outcome.Warnings);
    }

    [TestMethod]
    [DataRow(10, true)]
    [DataRow(12, true)]
    [DataRow(9, false)]
    [DataRow(null, false)]
    public void Train_WithAWarmupOverAllSteps_Warns(int? warmup, bool isWarned)
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model);
        var told = new List<string>();
        TrainingOptions options = new() { MaxEpochs = 2, BatchSize = 4, WarmupSteps = warmup };
        Trained.By(TinyTraining.Run(model, options) with { Warn = told.Add }, direct);
        string[] wanted = isWarned ? [$"TrainingOptions.WarmupSteps is {warmup} and training has 10 steps: the learning"
            + " rate never reaches its highest value."] : [];
        CollectionAssert.AreEqual(wanted, told);
    }

    /// <summary>Makes the base answer NaN, or undoes it.</summary>
    private static void Poison(LanguageModel model, bool poisoned)
    {
        using var noGradient = no_grad();
        model.Weights.Decoder.FinalNorm!.Weight.fill_(poisoned ? float.NaN : 1f);
    }

    /// <summary>An objective along whose gradient it rises.</summary>
    private sealed class Rising(ITrainingObjective objective) : ITrainingObjective
    {
        public string Identity => "rising";

        public double Sum(LanguageModel model, TargetStates states, IReadOnlyList<TrainingExample> rows) =>
            objective.Sum(model, states, rows);

        public (double Sum, Tensor Gradient) WithGradient(LanguageModel model, TargetStates states,
            IReadOnlyList<TrainingExample> rows)
        {
            (double sum, Tensor gradient) = objective.WithGradient(model, states, rows);
            return (sum, gradient.neg());
        }
    }

    /// <summary>An objective whose gradient is not finite while something holds.</summary>
    private sealed class Failing(ITrainingObjective objective, Func<bool> isFailing) : ITrainingObjective
    {
        public string Identity => "failing";

        public double Sum(LanguageModel model, TargetStates states, IReadOnlyList<TrainingExample> rows) =>
            objective.Sum(model, states, rows);

        public (double Sum, Tensor Gradient) WithGradient(LanguageModel model, TargetStates states,
            IReadOnlyList<TrainingExample> rows)
        {
            (double sum, Tensor gradient) = objective.WithGradient(model, states, rows);
            return isFailing() ? (double.NaN, gradient) : (sum, gradient);
        }
    }
}
