using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>A training from its start to its last step.</summary>
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
            TinyTraining.Run(model, new TrainingOptions { MaxEpochs = 6, BatchSize = 4, WarmupSteps = 2 });
        run = run with { Validation = TinyTraining.Rows(6, seed: 99) };
        Trained outcome = Trained.By(run, direct);
        Assert.AreEqual(TrainingEnd.Completed, outcome.Summary.End);
        Assert.HasCount(30, outcome.Steps);
        Assert.HasCount(7, outcome.Summary.ValidationLosses);
        Assert.AreEqual(outcome.Summary.StartLoss, outcome.Summary.ValidationLosses[0].Loss);
        ValidationLoss best = outcome.Summary.ValidationLosses.MinBy(validation => validation.Loss)!;
        Assert.AreEqual(best.Step, outcome.Summary.BestStep);
        Assert.IsLessThan(outcome.Summary.StartLoss - 0.1, best.Loss);
        Assert.AreEqual(6L * run.Examples.Sum(row => row.Tokens), outcome.Summary.Tokens);
        using var again = new TrainedKeyValues(outcome.Best, CPU);
        using var scope = NewDisposeScope();
        Assert.AreEqual(best.Loss,
            new PrefixPass(run, again.Convention).MeanLoss(run.Validation, again.Materialize(), () => { }), 1e-9);
    }

    [TestMethod]
    public void Train_WithTheSameSeed_GivesTheSameBytes()
    {
        using LanguageModel model = TinyTraining.Model();
        float[] first = Values(model, 1), second = Values(model, 1), other = Values(model, 2);
        CollectionAssert.AreEqual(first, second);
        CollectionAssert.AreNotEqual(first, other);

        static float[] Values(LanguageModel model, int seed)
        {
            using TrainedKeyValues direct = TinyTraining.Direct(model);
            _ = rand(3).ToString(); // the library's numbers do not depend on torch's global generator
            return TinyTraining.Values(Trained.By(TinyTraining.Run(model) with { Seed = seed }, direct).Best);
        }
    }

    [TestMethod]
    public void Train_LeavesTheBaseAsItIs()
    {
        using LanguageModel model = TinyTraining.Model();
        float[][] before = Copy(model);
        using TrainedKeyValues direct = TinyTraining.Direct(model);
        Trained.By(TinyTraining.Run(model), direct);
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
        TrainingRun run = TinyTraining.Run(model);
        Trained.By(run with
        {
            Options = run.Options with { Averaging = 0.9 },
            Validation = TinyTraining.Rows(4, seed: 5),
            Progress = _ => live.Add(OwnTensors.Live),
        }, direct);
        Assert.HasCount(10, live);
        Assert.HasCount(1, live.Distinct().ToArray(), string.Join(", ", live));
    }

    [TestMethod]
    [DataRow(0.0)]
    [DataRow(0.6)]
    public void Train_WithAveraging_GivesTheMeanOfTheStepsAndTrainsAsWithout(double growth)
    {
        const double Kept = 0.75;
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model), plain = TinyTraining.Direct(model);
        TrainingRun run = TinyTraining.Run(model);
        double[]? mean = null;
        Trained outcome = Trained.By(run with
        {
            Options = run.Options with { Averaging = Kept, AveragingGrowth = growth },
            Progress = progress =>
            {
                double[] values = [.. TinyTraining.Values(direct.Bake()).Select(value => (double)value)];
                // The reach is all steps, then four of them, and with growth 0.6 of them once that is more.
                double weight = 1 / Math.Min(progress.Step, Math.Max(1 / (1 - Kept), growth * progress.Step));
                mean = mean is null ? values : [.. mean.Zip(values, (before, now) => before + weight * (now - before))];
            },
        }, direct);
        Assert.AreEqual(10, outcome.Summary.BestStep);
        float[] found = TinyTraining.Values(outcome.Best);
        for (int i = 0; i < found.Length; i++)
            Assert.AreEqual(mean![i], found[i], 1e-5);
        Trained without = Trained.By(run, plain);
        CollectionAssert.AreEqual(without.Steps.ToArray(), outcome.Steps.ToArray());
        CollectionAssert.AreNotEqual(TinyTraining.Values(without.Best), found);
    }

    [TestMethod]
    public void Train_WithPrefixDropout_StepsWithAPartAndMeasuresTheWhole()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model), plain = TinyTraining.Direct(model);
        TrainingRun run = TinyTraining.Run(model) with { Validation = TinyTraining.Rows(4, seed: 5) };
        Trained without = Trained.By(run, plain), with =
            Trained.By(run with { Options = run.Options with { PrefixDropout = 0.5 } }, direct);
        Assert.AreEqual(without.Summary.StartLoss, with.Summary.StartLoss);
        Assert.AreNotEqual(without.Steps[0].Loss, with.Steps[0].Loss);
    }

    [TestMethod]
    public void Train_OfAPrefixThatHoldsTheBeginToken_MeasuresTheBaseWithItInEveryRow()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model), other = TinyTraining.Direct(model);
        TrainingRun run = TinyTraining.Run(model);
        TrainingExample[] begun = [.. run.Examples.Select(row => row with { Source = [1, .. row.Source] })];
        Trained held = Trained.By(run with { Opening = [1] }, direct);
        Trained written = Trained.By(TinyTraining.Run(model) with { Examples = begun }, other);
        Assert.AreEqual(written.Summary.BaseLoss, held.Summary.BaseLoss);
        Assert.AreNotEqual(written.Summary.StartLoss, held.Summary.StartLoss);
    }

    [TestMethod]
    public void Train_WithAccumulation_EqualsOneLargeBatch()
    {
        using LanguageModel model = TinyTraining.Model();
        foreach (TrainingLoss loss in Enum.GetValues<TrainingLoss>())
        {
            Trained one = Train(model, loss, 1), many = Train(model, loss, 5);
            for (int step = 0; step < one.Steps.Count; step++)
            {
                Assert.AreEqual(one.Steps[step].Loss, many.Steps[step].Loss, 1e-5);
                Assert.AreEqual(one.Steps[step].GradientNorm, many.Steps[step].GradientNorm,
                    1e-4 * one.Steps[step].GradientNorm);
            }
        }

        static Trained Train(LanguageModel model, TrainingLoss loss, int parts)
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
            return Trained.By(TinyTraining.Run(model, options) with { LearningRate = 0.01 }, direct);
        }
    }

    [TestMethod]
    public void Train_OfSentenceSums_RecordsNatsATokenAndKeepsTheGradientOfTheSum()
    {
        const int targetTokens = 5;
        using LanguageModel model = TinyTraining.Model();
        Trained mean = Train(model, TrainingLoss.TokenMean), sum = Train(model, TrainingLoss.SentenceSum);
        Assert.AreEqual(mean.Summary.StartLoss, sum.Steps[0].Loss, 1e-5);
        Assert.AreEqual(mean.Steps[0].Loss, sum.Steps[0].Loss, 1e-9);
        Assert.AreEqual(targetTokens * mean.Steps[0].GradientNorm, sum.Steps[0].GradientNorm,
            1e-4 * sum.Steps[0].GradientNorm);

        static Trained Train(LanguageModel model, TrainingLoss loss)
        {
            using TrainedKeyValues direct = TinyTraining.Direct(model);
            var options = new TrainingOptions { MaxSteps = 1, BatchSize = 20, Loss = loss };
            return Trained.By(TinyTraining.Run(model, options), direct);
        }
    }

    [TestMethod]
    public void Train_WithGroups_TrainsTheSharedPartAndEachRowsOwn()
    {
        using LanguageModel model = TinyTraining.Model();
        Prefix start = TinyTraining.Start(model, PrefixStart.DefaultText);
        using var grouped = new TrainedGroups([start, start, start], 2, CPU);
        TrainingRun run = TinyTraining.Run(model);
        Trained outcome =
            Trained.By(run with
            {
                Examples = run.Examples.Select((row, i) => row with { Group = i % 2 })
            .ToArray()
            }, grouped);
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
        TrainingRun run = TinyTraining.Run(model,
            new TrainingOptions { MaxEpochs = 1, BatchSize = 1, WarmupSteps = 0, ClipNorm = 0 });
        Trained outcome =
            Trained.By(run with { Examples = [new TrainingExample([], [2]), new TrainingExample([3], [])] }, direct);
        Assert.IsTrue(outcome.Steps.All(step => step is { Loss: 0, GradientNorm: 0, Failed: false }));
    }

    [TestMethod]
    public void Train_WhoseFirstRowsHaveNothingToPredict_StillHasAMeanOfItsSteps()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model);
        TrainingRun run = TinyTraining.Run(model,
            new TrainingOptions { MaxEpochs = 1, BatchSize = 1, WarmupSteps = 0 });
        Trained outcome = Trained.By(run with
        {
            Examples = [new TrainingExample([], [2]), .. run.Examples],
            Order = _ => [.. Enumerable.Range(0, 4).Select(row => (int[])[row])],
        }, direct);
        Assert.AreEqual((0, 4), (outcome.Summary.FailedSteps, outcome.Summary.BestStep));
        CollectionAssert.AreNotEqual(TinyTraining.Values(TinyTraining.Start(model, PrefixStart.DefaultText)),
            TinyTraining.Values(outcome.Best));
    }
}
