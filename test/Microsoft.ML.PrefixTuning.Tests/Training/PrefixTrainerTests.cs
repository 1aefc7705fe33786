using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

[TestClass]
[TestCategory("Quick")]
public sealed class PrefixTrainerTests
{
    [TestMethod]
    public void Train_OnRowsWithARule_LearnsItAndKeepsTheBest()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model);
        TrainingRun run =
            TinyTraining.Run(model, direct, new TrainingOptions { MaxEpochs = 6, BatchSize = 4, WarmupSteps = 2 });
        run = run with { Validation = TinyTraining.Rows(6, seed: 99) };
        TrainingOutcome outcome = PrefixTrainer.Train(run);
        Assert.AreEqual(StopReason.Finished, outcome.Reason);
        Assert.HasCount(30, outcome.Steps);
        Assert.HasCount(7, outcome.Validations);
        Assert.AreEqual(outcome.StartLoss, outcome.Validations[0].Loss);
        ValidationRecord best = outcome.Validations.MinBy(validation => validation.Loss)!;
        Assert.AreEqual(best.Step, outcome.BestStep);
        Assert.IsLessThan(outcome.StartLoss - 0.1, best.Loss);
        Assert.AreEqual(6L * run.Examples.Sum(row => row.Tokens), outcome.Tokens);
        using var again = new TrainedKeyValues(outcome.Best, CPU);
        using var scope = NewDisposeScope();
        Assert.AreEqual(best.Loss,
            PrefixScorer.MeanLoss(run with { Parametrization = again }, run.Validation, again.Materialize()), 1e-9);
    }

    [TestMethod]
    public void Train_WithTheSameSeed_GivesTheSameBytes()
    {
        using LanguageModel model = TinyTraining.Model();
        float[] first = Trained(model, 1), second = Trained(model, 1), other = Trained(model, 2);
        CollectionAssert.AreEqual(first, second);
        CollectionAssert.AreNotEqual(first, other);

        static float[] Trained(LanguageModel model, int seed)
        {
            using TrainedKeyValues direct = TinyTraining.Direct(model);
            _ = rand(3).ToString(); // the library's numbers do not depend on torch's global generator
            return TinyTraining.Values(PrefixTrainer.Train(TinyTraining.Run(model, direct) with { Seed = seed }).Best);
        }
    }

    [TestMethod]
    public void Train_LeavesTheBaseAsItIs()
    {
        using LanguageModel model = TinyTraining.Model();
        float[][] before = Copy(model);
        using TrainedKeyValues direct = TinyTraining.Direct(model);
        PrefixTrainer.Train(TinyTraining.Run(model, direct));
        float[][] after = Copy(model);
        for (int i = 0; i < before.Length; i++)
            CollectionAssert.AreEqual(before[i], after[i]);
        Assert.IsTrue(model.Weights.Owned.All(tensor => !tensor.requires_grad));

        static float[][] Copy(LanguageModel model) =>
            model.Weights.Owned.Select(tensor => tensor.data<float>().ToArray()).ToArray();
    }

    [TestMethod]
    public void Train_StepByStep_KeepsNoTensors()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model);
        var live = new List<long>();
        TrainingRun run = TinyTraining.Run(model, direct);
        PrefixTrainer.Train(run with
        {
            Options = run.Options with { Averaging = 0.9 },
            Validation = TinyTraining.Rows(4, seed: 5),
            Progress = _ => live.Add(OwnTensors.Live),
        });
        Assert.HasCount(10, live);
        Assert.HasCount(1, live.Distinct().ToArray(), string.Join(", ", live));
    }

    [TestMethod]
    public void Train_CancelledByToken_ThrowsOrGivesTheBest()
    {
        using LanguageModel model = TinyTraining.Model();
        TrainingOutcome outcome = Train(CancellationBehavior.ReturnBest);
        Assert.AreEqual(StopReason.Cancelled, outcome.Reason);
        Assert.HasCount(3, outcome.Steps);
        Assert.AreEqual(3, outcome.BestStep);
        var fault = Assert.ThrowsExactly<OperationCanceledException>(() => Train(CancellationBehavior.Throw));
        Assert.AreEqual(
            "Training was cancelled after step 3 of 10; the best prefix so far (step 3) was not kept, for"
                + " TrainingOptions.StateFile is not set.", fault.Message);

        TrainingOutcome Train(CancellationBehavior behavior)
        {
            using var source = new CancellationTokenSource();
            using TrainedKeyValues direct = TinyTraining.Direct(model);
            TrainingRun run = TinyTraining.Run(model, direct);
            return PrefixTrainer.Train(run with
            {
                Options = run.Options with { CancellationToken = source.Token, WhenCancelled = behavior },
                Progress = progress =>
                {
                    if (progress.Step == 3)
                        source.Cancel();
                },
            });
        }
    }

    [TestMethod]
    public void Train_WithAveraging_GivesTheMeanOfTheStepsAndTrainsAsWithout()
    {
        const double Kept = 0.75;
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model), plain = TinyTraining.Direct(model);
        TrainingRun run = TinyTraining.Run(model, direct);
        double[]? mean = null;
        TrainingOutcome outcome = PrefixTrainer.Train(run with
        {
            Options = run.Options with { Averaging = Kept },
            Progress = progress =>
            {
                double[] values = [.. TinyTraining.Values(direct.Bake()).Select(value => (double)value)];
                double weight = Math.Max(1.0 / progress.Step, 1 - Kept);
                mean = mean is null ? values : [.. mean.Zip(values, (before, now) => before + weight * (now - before))];
            },
        });
        Assert.AreEqual(10, outcome.BestStep);
        float[] found = TinyTraining.Values(outcome.Best);
        for (int i = 0; i < found.Length; i++)
            Assert.AreEqual(mean![i], found[i], 1e-5);
        TrainingOutcome without = PrefixTrainer.Train(run with { Parametrization = plain });
        CollectionAssert.AreEqual(without.Steps.ToArray(), outcome.Steps.ToArray());
        CollectionAssert.AreNotEqual(TinyTraining.Values(without.Best), found);
    }

    [TestMethod]
    public void Train_EndedBeforeItsFirstValidation_GivesWhatItHasLearned()
    {
        using LanguageModel model = TinyTraining.Model();
        using var source = new CancellationTokenSource();
        using TrainedKeyValues cancelled = TinyTraining.Direct(model), failed = TinyTraining.Direct(model);
        TrainingRun run = TinyTraining.Run(model, cancelled) with { Validation = TinyTraining.Rows(4, seed: 9) };
        // One epoch, so that the rows are validated after the last step only.
        run = run with { Order = _ => [.. Enumerable.Range(0, 10).Select(row => (int[])[row % run.Examples.Count])] };
        TrainingOutcome ofCancelled = PrefixTrainer.Train(run with
        {
            Options = run.Options with
            {
                CancellationToken = source.Token,
                WhenCancelled = CancellationBehavior.ReturnBest
            },
            Progress = progress => { if (progress.Step == 3) source.Cancel(); },
        });
        Assert.AreEqual((StopReason.Cancelled, 3), (ofCancelled.Reason, ofCancelled.BestStep));
        CollectionAssert.AreEqual(TinyTraining.Values(cancelled.Bake()), TinyTraining.Values(ofCancelled.Best));
        bool poisoned = false;
        TrainingOutcome ofFailed = PrefixTrainer.Train(run with
        {
            Parametrization = failed,
            CheckAlive = () => Poison(model, poisoned),
            Progress = progress => poisoned = progress.Step >= 4,
        });
        Assert.AreEqual((StopReason.FailedSteps, 4, 3), (ofFailed.Reason, ofFailed.BestStep, ofFailed.FailedSteps));
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
        TrainingRun run = TinyTraining.Run(model, direct, new TrainingOptions
        {
            MaxEpochs = 20,
            BatchSize = 4,
            WarmupSteps = 0,
            EarlyStopping = new EarlyStopping { Patience = 2 },
        });
        TrainingOutcome outcome = PrefixTrainer.Train(run with { Validation = contrary });
        Assert.AreEqual(StopReason.EarlyStopping, outcome.Reason);
        Assert.IsLessThan(20, outcome.Epochs);
        Assert.AreEqual(outcome.Validations[^3].Step, outcome.BestStep);
    }

    [TestMethod]
    public void Train_WithAStepThatIsNotFinite_ChangesNothingInIt()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model);
        float[]? before = null, after = null;
        TrainingRun run = TinyTraining.Run(model, direct,
            new TrainingOptions { MaxEpochs = 2, BatchSize = 4, WarmupSteps = 0, MaxFailedSteps = 3 });
        TrainingOutcome outcome = PrefixTrainer.Train(run with
        {
            CheckAlive = () => Poison(model, before is not null && after is null),
            Progress = progress =>
            {
                if (progress.Step == 4)
                    before = TinyTraining.Values(direct.Bake());
                if (progress.Step == 5)
                    after = TinyTraining.Values(direct.Bake());
            },
        });
        CollectionAssert.AreEqual(before, after);
        Assert.AreEqual(1, outcome.FailedSteps);
        Assert.IsTrue(outcome.Steps[4].Failed);
        Assert.AreEqual(StopReason.Finished, outcome.Reason);
        Assert.Contains("1 of 10 steps changed nothing, for loss or gradient was not finite.", outcome.Warnings);
    }

    [TestMethod]
    public void Train_WithFailingStepsInARow_GivesTheLastGoodPrefixOrThrows()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model);
        bool poisoned = false;
        float[]? good = null;
        TrainingOutcome outcome = PrefixTrainer.Train(TinyTraining.Run(model, direct) with
        {
            CheckAlive = () => Poison(model, poisoned),
            Progress = progress =>
            {
                poisoned = progress.Step >= 4;
                if (progress.Step == 4)
                    good = TinyTraining.Values(direct.Bake());
            },
        });
        Assert.AreEqual((StopReason.FailedSteps, 4, 3), (outcome.Reason, outcome.BestStep, outcome.FailedSteps));
        CollectionAssert.AreEqual(good, TinyTraining.Values(outcome.Best));

        using TrainedKeyValues other = TinyTraining.Direct(model);
        var fault = Assert.ThrowsExactly<InvalidOperationException>(() =>
            PrefixTrainer.Train(TinyTraining.Run(model, other) with { CheckAlive = () => Poison(model, true) }));
        Assert.StartsWith(
            "Training failed: step 3 is not finite (loss NaN, gradient norm NaN), as every step before it; learning"
                + " rate 0.05, rows ", fault.Message);
    }

    [TestMethod]
    public void Train_FromAStartWorseThanTheBase_Warns()
    {
        using LanguageModel model = TinyTraining.Model();
        using var direct = new TrainedKeyValues(TinyTraining.Start(model, PrefixStart.Random(3)), CPU);
        TrainingOutcome outcome = PrefixTrainer.Train(TinyTraining.Run(model, direct));
        Assert.IsGreaterThan(outcome.BaseLoss, outcome.StartLoss);
        Assert.StartsWith("The starting prefix makes the base worse: ", outcome.Warnings.Single());
    }

    [TestMethod]
    public void Train_OfAPrefixThatHoldsTheBeginToken_MeasuresTheBaseWithItInEveryRow()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model), other = TinyTraining.Direct(model);
        TrainingRun run = TinyTraining.Run(model, direct);
        TrainingExample[] begun = [.. run.Examples.Select(row => row with { Source = [1, .. row.Source] })];
        TrainingOutcome held = PrefixTrainer.Train(run with { Opening = [1] });
        TrainingOutcome written = PrefixTrainer.Train(TinyTraining.Run(model, other) with { Examples = begun });
        Assert.AreEqual(written.BaseLoss, held.BaseLoss);
        Assert.AreNotEqual(written.StartLoss, held.StartLoss);
    }

    [TestMethod]
    public void Train_WithAccumulation_EqualsOneLargeBatch()
    {
        using LanguageModel model = TinyTraining.Model();
        foreach (TrainingLoss loss in Enum.GetValues<TrainingLoss>())
        {
            TrainingOutcome one = Train(model, loss, 1), many = Train(model, loss, 5);
            for (int step = 0; step < one.Steps.Count; step++)
            {
                Assert.AreEqual(one.Steps[step].Loss, many.Steps[step].Loss, 1e-5);
                Assert.AreEqual(one.Steps[step].GradientNorm, many.Steps[step].GradientNorm,
                    1e-4 * one.Steps[step].GradientNorm);
            }
        }

        static TrainingOutcome Train(LanguageModel model, TrainingLoss loss, int parts)
        {
            using TrainedKeyValues direct = TinyTraining.Direct(model);
            var options = new TrainingOptions
            {
                MaxEpochs = 3,
                BatchSize = 20 / parts,
                GradientAccumulation = parts,
                Loss = loss,
                WarmupSteps = 0
            };
            return PrefixTrainer.Train(TinyTraining.Run(model, direct, options) with { LearningRate = 0.01 });
        }
    }

    [TestMethod]
    public void Train_OfSentenceSums_RecordsNatsATokenAndKeepsTheGradientOfTheSum()
    {
        const int targetTokens = 5;
        using LanguageModel model = TinyTraining.Model();
        TrainingOutcome mean = Train(model, TrainingLoss.TokenMean), sum = Train(model, TrainingLoss.SentenceSum);
        Assert.AreEqual(mean.StartLoss, sum.Steps[0].Loss, 1e-5);
        Assert.AreEqual(mean.Steps[0].Loss, sum.Steps[0].Loss, 1e-9);
        Assert.AreEqual(targetTokens * mean.Steps[0].GradientNorm, sum.Steps[0].GradientNorm,
            1e-4 * sum.Steps[0].GradientNorm);

        static TrainingOutcome Train(LanguageModel model, TrainingLoss loss)
        {
            using TrainedKeyValues direct = TinyTraining.Direct(model);
            var options = new TrainingOptions { MaxSteps = 1, BatchSize = 20, Loss = loss };
            return PrefixTrainer.Train(TinyTraining.Run(model, direct, options));
        }
    }

    [TestMethod]
    public void Train_WithGroups_TrainsTheSharedPartAndEachRowsOwn()
    {
        using LanguageModel model = TinyTraining.Model();
        Prefix start = TinyTraining.Start(model, PrefixStart.DefaultText);
        using var grouped = new TrainedGroups([start, start, start], 2, CPU);
        TrainingRun run = TinyTraining.Run(model, grouped);
        TrainingOutcome outcome =
            PrefixTrainer.Train(run with
            {
                Examples = run.Examples.Select((row, i) => row with { Group = i % 2 })
            .ToArray()
            });
        Assert.HasCount(3, outcome.Prefixes);
        float[][] groups = outcome.Prefixes.Select(TinyTraining.Values).ToArray();
        CollectionAssert.AreNotEqual(groups[0], groups[1]);
        using var scope = NewDisposeScope();
        Tensor[] sites = groups.Select(values => tensor(values, start.Part(AttentionSite.Decoder)!.Shape)).ToArray();
        Tensor begin = tensor(TinyTraining.Values(start), start.Part(AttentionSite.Decoder)!.Shape);
        Assert.IsTrue(sites[0].narrow(-2, 0, 2).equal(sites[1].narrow(-2, 0, 2)).all().ToBoolean(),
            "the shared part is one");
        Assert.IsFalse(sites[2].narrow(-2, 0, 2).equal(begin.narrow(-2, 0, 2)).all().ToBoolean(),
            "the shared part is trained");
        Assert.IsTrue(sites[2].narrow(-2, 2, 2).equal(begin.narrow(-2, 2, 2)).all().ToBoolean(),
            "no row trains the third group");
    }

    [TestMethod]
    public void Train_OfARowWithoutPredictedTokens_ContributesNothing()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model);
        TrainingRun run = TinyTraining.Run(model, direct,
            new TrainingOptions { MaxEpochs = 1, BatchSize = 1, WarmupSteps = 0, ClipNorm = 0 });
        TrainingOutcome outcome =
            PrefixTrainer.Train(run with { Examples = [new TrainingExample([], [2]), new TrainingExample([3], [])] });
        Assert.IsTrue(outcome.Steps.All(step => step is { Loss: 0, GradientNorm: 0, Failed: false }));
    }

    /// <summary>Makes the base answer NaN, or undoes it.</summary>
    private static void Poison(LanguageModel model, bool poisoned)
    {
        using var noGradient = no_grad();
        model.Weights.Decoder.FinalNorm!.Weight.fill_(poisoned ? float.NaN : 1f);
    }
}
