using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>The pure parts of training: schedule, batches, loss, optimiser.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TrainingPartsTests
{
    [TestMethod]
    [DataRow(LearningRateDecay.None, new[] { 0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1 })]
    [DataRow(LearningRateDecay.Linear, new[] { 0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0 })]
    [DataRow(LearningRateDecay.Cosine, new[] { 0, 0.25, 0.5, 0.75, 1, 0.85355339, 0.5, 0.14644661, 0 })]
    public void LearningRateAt_EveryStep_RisesThenDecays(LearningRateDecay decay, double[] expected)
    {
        var schedule = new LearningRateSchedule(2, 4, 8, decay);
        for (int step = 0; step < expected.Length; step++)
            Assert.AreEqual(2 * expected[step], schedule.At(step), 1e-8, $"step {step}");
    }

    [TestMethod]
    public void LearningRateAt_WithoutWarmup_StartsAtThePeak() =>
        Assert.AreEqual(0.5, new LearningRateSchedule(0.5, 0, 8, LearningRateDecay.Linear).At(0));

    [TestMethod]
    [DataRow(null, 1, 0)]
    [DataRow(null, 9, 0)]
    [DataRow(null, 10, 1)]
    [DataRow(null, 55, 5)]
    [DataRow(null, 120, 10)]
    [DataRow(null, 5000, 10)]
    [DataRow(0, 120, 0)]
    [DataRow(10, 6, 10)]
    public void Schedule_OfARun_WarmsUpForAtMostATenthUnlessTold(int? given, int steps, int warmup)
    {
        using LanguageModel model = TinyTraining.Model();
        TrainingOptions options = new() { MaxEpochs = 10_000, MaxSteps = steps, BatchSize = 4, WarmupSteps = given };
        var plan = new TrainingPlan(TinyTraining.Run(model, options));
        Assert.AreEqual((steps, warmup), (plan.TotalSteps, plan.Schedule.WarmupSteps));
    }

    [TestMethod]
    public void Shuffled_Batches_HoldEveryRowOnceAndLittlePadding()
    {
        TrainingExample[] rows = TinyTraining.Rows(203);
        int[][] batches = BatchPlan.Shuffled(rows, 8, 1, 0);
        Assert.HasCount(26, batches);
        CollectionAssert.AreEquivalent(Enumerable.Range(0, 203).ToArray(), batches.SelectMany(batch => batch)
            .ToArray());
        double places = batches.Sum(batch => batch.Length * batch.Max(row => rows[row].Tokens));
        Assert.IsLessThan(0.05, 1 - rows.Sum(row => row.Tokens) / places);
    }

    /// <summary>Times the batches of a pool, numbers as these leave 32 bits: to 32, to 0 and below 0.</summary>
    [TestMethod]
    [DataRow((1 << 27) + 1)]
    [DataRow(1 << 27)]
    [DataRow((1 << 26) + 1)]
    [DataRow(int.MaxValue)]
    public void Shuffled_OfAHugeBatch_IsOneBatchOfAllRows(int batchSize)
    {
        TrainingExample[] rows = TinyTraining.Rows(203);
        Assert.HasCount(203, BatchPlan.Shuffled(rows, batchSize, 1, 0).Single());
    }

    [TestMethod]
    public void Plan_OfAHugeAccumulation_HasAStepAnEpoch()
    {
        using LanguageModel model = TinyTraining.Model();
        TrainingOptions options =
            new() { MaxEpochs = int.MaxValue, BatchSize = 4, GradientAccumulation = int.MaxValue };
        var plan = new TrainingPlan(TinyTraining.Run(model, options));
        Assert.AreEqual((1, int.MaxValue), (plan.StepsAnEpoch, plan.TotalSteps));
        Assert.IsGreaterThan(1, plan.Rows(0).Count);
    }

    [TestMethod]
    public void Shuffled_Batches_DependOnSeedAndEpochAlone()
    {
        TrainingExample[] rows = TinyTraining.Rows(40);
        string Order(int seed, int epoch) =>
            string.Join(" ", BatchPlan.Shuffled(rows, 4, seed, epoch).SelectMany(batch => batch));
        Assert.AreEqual(Order(1, 2), Order(1, 2));
        Assert.AreNotEqual(Order(1, 2), Order(1, 3));
        Assert.AreNotEqual(Order(1, 2), Order(2, 2));
    }

    [TestMethod]
    [DataRow(0.0, false, null)]
    [DataRow(0.1, false, null)]
    [DataRow(0.0, true, null)]
    [DataRow(0.1, true, null)]
    [DataRow(0.1, false, 2.0)]
    [DataRow(0.0, true, 2.0)]
    [DataRow(0.1, true, 2.0)]
    public void TargetLoss_InChunks_EqualsCrossEntropy(double smoothing, bool isStored, double? cap)
    {
        using var scope = NewDisposeScope();
        const int Vocabulary = 200_000, Tokens = 50; // 41 tokens a chunk
        Tensor head = tensor(new SeededRandom(1, RandomPurpose.Start).Normal(Vocabulary * 2L, 1), [Vocabulary, 2]);
        LanguageModel tiny = TinyTraining.Model();
        var stored = new StoredTensor(head);
        using var space = new WideSpace(ScalarType.Float32, CPU) { MostNumbers = 100_000, BlockNumbers = 60_000 };
        using var model = new LanguageModel(tiny.Spec with { Head = new OutputHead(Tied: false, Scale: 0.5, Cap: cap) },
            new ModelWeights([.. tiny.Weights.Owned])
            {
                Embedding = tiny.Weights.Embedding,
                Head = isStored ? new StoredMatrix(stored, 0, Vocabulary, space) : new WideMatrix(head),
                Decoder = tiny.Weights.Decoder,
            });
        Tensor hidden =
            tensor(new SeededRandom(2, RandomPurpose.Start).Normal(2 * Tokens, 1), [Tokens, 2]).requires_grad_();
        Tensor labels = tensor(Enumerable.Range(0, Tokens).Select(token => token * 7919L % Vocabulary).ToArray());
        (double sum, Tensor gradient) = TargetLoss.WithGradient(model, hidden, labels, smoothing);
        if (isStored)
            Assert.AreEqual(2L * (Vocabulary + Tokens), stored.Written.Sum(), "the head once, and the labels' rows");
        Tensor logits = nn.functional.linear(hidden.to(ScalarType.Float64) * 0.5, head.to(ScalarType.Float64));
        if (cap is { } most)
            logits = Layers.Capped(logits, most);
        Tensor expected = nn.functional.cross_entropy(logits, labels, reduction: nn.Reduction.Sum,
            label_smoothing: smoothing);
        Tensor wanted = autograd.grad([expected], [hidden])[0];
        Assert.AreEqual(expected.ToDouble(), sum, 1e-5 * Math.Abs(sum));
        Assert.IsLessThanOrEqualTo(1e-4, (gradient - wanted).abs().max().ToDouble());
        if (smoothing == 0)
            Assert.AreEqual(sum, TargetLoss.Sum(model, hidden, labels), 1e-9);
    }

    [TestMethod]
    public void AdamW_ManySteps_EqualsTorchs()
    {
        using var scope = NewDisposeScope();
        var options = new TrainingOptions { Beta1 = 0.8, Beta2 = 0.99, Epsilon = 1e-6, WeightDecay = 0.1 };
        float[] start = new SeededRandom(1, RandomPurpose.Start).Normal(12, 1);
        Tensor own = tensor(start).requires_grad_();
        var theirs = new TorchSharp.Modules.Parameter(tensor(start));
        using var mine = new AdamW([new NamedParameter("x", own)], options);
        using var reference = optim.AdamW([theirs], lr: 0.03, beta1: 0.8, beta2: 0.99, eps: 1e-6, weight_decay: 0.1);
        for (int step = 0; step < 8; step++)
        {
            float[] gradient = new SeededRandom(9, RandomPurpose.Start, step).Normal(12, 1);
            mine.Step([tensor(gradient)], step + 1, 0.03, 1);
            theirs.grad = tensor(gradient);
            reference.step();
        }
        Assert.IsLessThanOrEqualTo(1e-6, (own - theirs).abs().max().ToDouble());
    }

    [TestMethod]
    public void AdamWNorm_IsAddedUpInDouble()
    {
        using var scope = NewDisposeScope();
        Assert.AreEqual(Math.Sqrt(1e6 + 1e-6), AdamW.Norm([full([1], 1000f), full([1], 1e-3f)]), 1e-9);
    }
}
