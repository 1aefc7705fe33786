using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.SmallBart.Training;
using Microsoft.ML.PrefixTuning.Studies.Baselines;
using Microsoft.ML.PrefixTuning.Tests.Training;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Studies;

/// <summary>What a prefix is compared with, on a model of two layers.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class BaselineTests
{
    private const long Width = 32, Inner = 48, Vocabulary = 40, Keys = 16;
    private const long Block = 2 * Width + 2 * Width * Width + 2 * Keys * Width + 3 * Inner * Width;

    [TestMethod]
    [DataRow("all", Vocabulary * Width + 2 * Block + Width)]
    [DataRow("top2", 2 * Block)]
    [DataRow("adapter:0.03", 2 * (2 * Width * 3 + Width + 3))]
    [DataRow("adapter:0.001", 2 * (2 * Width * 1 + Width + 1))]
    [DataRow("lora:8", 2 * 8 * (Width + Width + Width + Keys))]
    public void Train_OfEach_LearnsAndLeavesTheBaseAsItIs(string name, long numbers)
    {
        using LanguageModel frozen = TinyTraining.Model();
        float[][] before = Values(frozen);
        using TunedWeights weights = Baseline.Parse(name).Make(frozen, 1);
        Assert.AreEqual(numbers, weights.Master.numel());
        using var learner = new WeightLearner(Run(weights), weights);
        TrainingOutcome outcome = PrefixTrainer.Train(learner);
        TrainingSummary summary = outcome.Summary;
        Assert.AreEqual(numbers, summary.TrainedParameters);
        Assert.AreEqual(LossOf(frozen), summary.StartLoss, 1e-5, "it starts as the base");
        Assert.IsLessThan(summary.StartLoss - 0.03, summary.BestLoss!.Value, name);
        learner.Restore(outcome.Kept);
        Assert.AreEqual(summary.BestLoss.Value, learner.MeanLoss(learner.Run.Validation, () => { }));
        float[][] after = Values(frozen);
        for (int i = 0; i < before.Length; i++)
            CollectionAssert.AreEqual(before[i], after[i]);
    }

    [TestMethod]
    [DataRow("all")]
    [DataRow("top2")]
    [DataRow("adapter:0.03")]
    [DataRow("lora:4")]
    public void Gradient_OfEach_IsThatOfItsNumbers(string name)
    {
        using LanguageModel frozen = TinyTraining.Model();
        using TunedWeights weights = Baseline.Parse(name).Make(frozen, 1);
        using var scope = NewDisposeScope();
        // Off the start, where some gradients are zero.
        Move(weights, 0.05);
        double[] gradient;
        using (enable_grad())
            gradient = [.. weights.Gradient(States(weights)).Gradient.data<float>().Select(value => (double)value)];
        // Of the steepest places a small step tells the same.
        int[] places = [.. Enumerable.Range(0, gradient.Length).OrderByDescending(place => Math.Abs(gradient[place]))
            .Where((_, rank) => rank % Math.Max(1, gradient.Length / 40) == 0).Take(10)];
        foreach (int place in places)
        {
            Assert.AreEqual(gradient[place], Slope(weights, place), 0.02 * Math.Abs(gradient[place]) + 0.02,
                $"{place}");
        }
    }

    [TestMethod]
    public void Train_StoppedAndResumed_EqualsUninterrupted()
    {
        WeightResuming.AssertEqualsUninterrupted(stopped =>
        {
            using LanguageModel frozen = TinyTraining.Model();
            using TunedWeights weights = Baseline.Parse("lora:2").Make(frozen, 1);
            using var learner = new WeightLearner(stopped(Run(weights)), weights);
            return PrefixTrainer.Train(learner);
        });
    }

    [TestMethod]
    [DataRow("some")]
    [DataRow("lora:0")]
    [DataRow("adapter:2")]
    public void Parse_OfAnother_SaysWhatThereIs(string name) => Assert.Contains("adapter:SHARE",
        Assert.ThrowsExactly<FormatException>(() => Baseline.Parse(name)).Message);

    private static TrainingRun Run(TunedWeights weights) => TinyTraining.Run(weights.Model, new TrainingOptions
    {
        MaxEpochs = 4,
        BatchSize = 4,
        GradientAccumulation = 2,
        WarmupSteps = 1,
        Averaging = 0,
    }) with
    { Validation = TinyTraining.Rows(6, seed: 99), LearningRate = 0.01 };

    private static TargetStates States(TunedWeights weights) =>
        TargetStates.Make(weights.Model, TinyTraining.Rows(4), SitePrefixes.None);

    private static void Move(TunedWeights weights, double deviation)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var random = new SeededRandom(5, RandomPurpose.Order);
        weights.Master.add_(tensor(random.Normal(weights.Master.numel(), deviation)));
        weights.Refresh();
    }

    /// <summary>The sum of the loss after a step up, less that after a step down, over both.</summary>
    private static double Slope(TunedWeights weights, int place)
    {
        const float Step = 2e-3f;
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Tensor number = weights.Master[place];
        float start = number.ToSingle();
        double up = At(start + Step), down = At(start - Step);
        At(start);
        return (up - down) / (2 * Step);

        double At(float value)
        {
            number.fill_(value);
            weights.Refresh();
            TargetStates states = States(weights);
            return TargetLoss.Sum(weights.Model, states.Hidden, states.Labels);
        }
    }

    private static double LossOf(LanguageModel model)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        TrainingExample[] rows = TinyTraining.Rows(6, seed: 99);
        TargetStates states = TargetStates.Make(model, rows, SitePrefixes.None);
        return TargetLoss.Sum(model, states.Hidden, states.Labels) / states.Labels.size(0);
    }

    private static float[][] Values(LanguageModel model) =>
        [.. ((IEnumerable<Tensor>)model.Weights.Owned).Select(weight => weight.data<float>().ToArray())];
}
