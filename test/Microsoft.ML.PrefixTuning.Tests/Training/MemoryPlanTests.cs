using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>Whether a training fits into memory, decided and told before the first step.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class MemoryPlanTests
{
    private const int PrefixLength = 4;

    [TestMethod]
    public void Decide_WithMuchFreeMemory_KeepsLayersAndTellsTheNeed()
    {
        using LanguageModel model = TinyTraining.Model();
        var told = new List<string>();

        Assert.IsFalse(Plan(Run(model, long.MaxValue) with { Say = told.Add }).Decide());

        Assert.HasCount(1, told);
        StringAssert.StartsWith(told[0], "The largest pass has 2 rows of up to 2000 tokens and needs about ");
        StringAssert.EndsWith(told[0], "Layers are kept for their gradient.");
    }

    [TestMethod]
    public void Decide_OfRowsOfOneSource_TellsWhatReadsItOnce()
    {
        using LanguageModel model = TinyTraining.Model();
        var told = new List<string>();
        TrainingRun run = Run(model, long.MaxValue) with { Say = told.Add };

        Plan(run with { Options = run.Options with { SharedSources = true } }).Decide();

        StringAssert.StartsWith(told[0], "The largest pass has 6 rows of 1 source of up to 2250 tokens and needs ");
    }

    [TestMethod]
    public void Decide_WithLittleFreeMemory_RunsLayersTwiceAndSaysSo()
    {
        using LanguageModel model = TinyTraining.Model();
        var told = new List<string>();

        Assert.IsTrue(Plan(Run(model, (long)Need(model, recomputes: true) + 1) with { Say = told.Add }).Decide());

        StringAssert.Contains(told[0], "Layers are run a second time for their gradient; kept, they would need ");
    }

    [TestMethod]
    public void Decide_WhereMemoryIsNotKnown_KeepsLayers()
    {
        using LanguageModel model = TinyTraining.Model();
        Assert.IsFalse(Plan(Run(model, null)).Decide());
    }

    [TestMethod]
    public void Decide_WhereAskedFor_RunsLayersTwice()
    {
        using LanguageModel model = TinyTraining.Model();
        Assert.IsTrue(Plan(Run(model, long.MaxValue, Recomputation.Always)).Decide());
    }

    [TestMethod]
    public void Decide_OfAPassThatDoesNotFit_IsRefusedWithWhatNeedsLess()
    {
        using LanguageModel model = TinyTraining.Model();
        TrainingRun run = Run(model, 1_000_000, Recomputation.Never);

        string message = Assert.ThrowsExactly<InvalidOperationException>(() => Plan(run).Decide()).Message;

        StringAssert.Contains(message, "the largest pass has 2 rows of up to 2000 tokens");
        StringAssert.Contains(message, "expected at most the 0.00 GB that are free");
        StringAssert.Contains(message, "TrainingOptions.Recompute Always (about ");
        StringAssert.Contains(message, "TrainingOptions.MaxTokensPerPass 2000 or BatchSize 1 (about ");
        StringAssert.Contains(message, "PrefixTuningOptions.Precision BFloat16 (about ");
        StringAssert.Contains(message, "shorter rows; Row 1 (the first is 1) has 2000 tokens.");
    }

    [TestMethod]
    public void Train_WithAnyFreeMemory_GivesTheSameBytes()
    {
        using LanguageModel model = TinyTraining.Model();
        float[] kept = Train(model, long.MaxValue, recomputes: false);
        TrainingRun run = TinyTraining.Run(model);
        double least = BatchPlan.Passes(run.Examples, 4096).Max(rows => Memory(model).Of(rows, recomputes: true));

        CollectionAssert.AreEqual(kept, Train(model, (long)least, recomputes: true));
    }

    [TestMethod]
    public void Need_OfLayersRunTwice_IsBelowThatOfKeptOnesAndGrowsWithTokens()
    {
        using LanguageModel model = TinyTraining.Model();
        double kept = Need(model, recomputes: false), recomputed = Need(model, recomputes: true);
        double half = Memory(model).Of([Row(1000), Row(1000)], recomputes: true);

        Assert.IsLessThan(kept, recomputed);
        Assert.IsLessThan(recomputed, half);
    }

    private static float[] Train(LanguageModel model, long free, bool recomputes)
    {
        using TrainedKeyValues parametrization = TinyTraining.Direct(model);
        Trained trained = Trained.By(TinyTraining.Run(model) with { FreeMemory = () => free }, parametrization);
        Assert.AreEqual(recomputes, trained.Summary.Recomputed);
        return TinyTraining.Values(trained.Best);
    }

    private static TrainingRun Run(LanguageModel model, long? free,
        Recomputation recompute = Recomputation.Automatic) => TinyTraining.Run(model) with
        {
            Examples = [.. Enumerable.Repeat(Row(2000), 6)],
            Options = new TrainingOptions { Recompute = recompute },
            FreeMemory = () => free,
        };

    private static MemoryPlan Plan(TrainingRun run) => new(run, new TrainingPlan(run), PrefixLength);

    private static double Need(LanguageModel model, bool recomputes) =>
        Memory(model).Of([Row(2000), Row(2000)], recomputes);

    private static PassMemory Memory(LanguageModel model) => new(model.Spec, ScalarType.Float32, PrefixLength);

    private static TrainingExample Row(int tokens) => new(new int[tokens - 50], new int[50]);
}
