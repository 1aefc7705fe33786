using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;
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

        Assert.IsFalse(Decide(Run(model, long.MaxValue) with { Say = told.Add }));

        Assert.HasCount(1, told);
        StringAssert.StartsWith(told[0], "The largest pass has 2 rows of up to 2000 tokens and needs about ");
        StringAssert.EndsWith(told[0], "Layers are kept for their gradient.");
    }

    [TestMethod]
    public void Decide_OfRowsOfOneSource_TellsWhatReadsItOnceAndValidatesApart()
    {
        using LanguageModel model = TinyTraining.Model();
        var told = new List<string>();
        TrainingRun run = Run(model, long.MaxValue) with { Say = told.Add };

        run = run with { Options = run.Options with { SharedSources = true } };
        Decide(run);
        Decide(run with { Examples = [Row(60), Row(60)], Validation = [Row(2000), Row(2000)] });

        StringAssert.StartsWith(told[0], "The largest pass has 6 rows of 1 source of up to 2250 tokens and needs ");
        StringAssert.StartsWith(told[1], "The largest pass has 2 rows of up to 2000 tokens, for validation, and needs");
    }

    [TestMethod]
    public void Decide_WithLittleFreeMemory_RunsLayersTwiceAndSaysSo()
    {
        using LanguageModel model = TinyTraining.Model();
        var told = new List<string>();

        Assert.IsTrue(Decide(Run(model, Margined(Need(model, recomputes: true))) with { Say = told.Add }));

        StringAssert.Contains(told[0], "Layers are run a second time for their gradient; kept, they would need ");
    }

    /// <summary>The heap keeps what a former training freed: the next one of a sweep has it, too.</summary>
    [TestMethod]
    public void Decide_BehindAFormerTraining_GivesBackWhatItLeftWhereThatIsWanted()
    {
        using LanguageModel model = TinyTraining.Model();
        double kept = Need(model, recomputes: false);
        int asked = 0;
        long free = Margined(kept);
        TrainingRun run = Run(model, null) with
        {
            FreeMemory = () => free,
            GiveBack = () =>
            {
                asked++;
                free = Margined(kept);
                return true;
            },
        };

        Assert.IsFalse(Decide(run));
        Assert.AreEqual(0, asked, "there is enough");
        free = 1_000_000;
        Assert.IsFalse(Decide(run));
        Assert.AreEqual(1, asked);
        free = 1_000_000;
        Assert.ThrowsExactly<InvalidOperationException>(() => Decide(run with { GiveBack = () => false }));
    }

    [TestMethod]
    public void Decide_WhereMemoryIsNotKnown_KeepsLayers()
    {
        using LanguageModel model = TinyTraining.Model();
        Assert.IsFalse(Decide(Run(model, null)));
    }

    [TestMethod]
    public void Decide_WhereAskedFor_RunsLayersTwice()
    {
        using LanguageModel model = TinyTraining.Model();
        Assert.IsTrue(Decide(Run(model, long.MaxValue, Recomputation.Always)));
    }

    /// <summary>An estimate may be a quarter too low, and as well too high: what may fit is not refused.</summary>
    [TestMethod]
    public void Decide_OfAPassThatMayNotFit_WarnsAndOfOneThatDoesNot_IsRefused()
    {
        using LanguageModel model = TinyTraining.Model();
        double need = Need(model, recomputes: true);
        var warned = new List<string>();

        Assert.IsTrue(Decide(Run(model, Margined(need)) with { Warn = warned.Add }));
        Assert.IsEmpty(warned);
        Assert.IsTrue(Decide(Run(model, (long)need + 1) with { Warn = warned.Add }));
        StringAssert.StartsWith(warned.Single(),
            "Training may run out of memory: the largest pass has 2 rows of up to 2000 tokens and needs about ");
        StringAssert.Contains(warned[0], "are free, and the estimate may be a quarter too low. Less need: ");
        Assert.ThrowsExactly<InvalidOperationException>(() => Decide(Run(model, (long)need - 1)));
    }

    [TestMethod]
    public void Decide_WithLongerRowsInALaterEpochOrForValidation_LooksAtThem()
    {
        using LanguageModel model = TinyTraining.Model();
        var told = new List<string>();
        TrainingRun run = Run(model, long.MaxValue) with { Say = told.Add };

        Decide(run with
        {
            Examples = [.. Enumerable.Range(1, 8).Select(row => Row(100 * row))],
            Order = epoch => epoch == 0 ? [[0, 1], [2, 3], [4, 5], [6, 7]] : [[0, 6], [1, 7], [2, 3], [4, 5]],
            Options = run.Options with { MaxEpochs = 2, BatchSize = 2, MaxTokensPerPass = 1500 },
        });
        Decide(run with { Validation = [Row(9000)] });

        StringAssert.StartsWith(told[0], "The largest pass has 2 rows of up to 700 tokens and needs about ");
        StringAssert.StartsWith(told[1], "The largest pass has 1 row of up to 9000 tokens, for validation, and needs");
    }

    /// <summary>Workers are threads here, and so of one machine.</summary>
    [TestMethod]
    public void Decide_ByWorkersOfOneMachine_SharesOutWhatIsFreeThere()
    {
        using LanguageModel model = TinyTraining.Model();
        double need = Need(model, recomputes: true);

        Assert.IsTrue(Recomputes(WorkShare.Alone, Margined(need)));
        CollectionAssert.AreEqual(new[] { true, true },
            ThreadWorkers.Run(2, worker => Recomputes(new WorkShare(worker), 2 * Margined(need))));
        Exception[] faults = ThreadWorkers.Fail(2, worker => Recomputes(new WorkShare(worker), Margined(need)));
        Assert.Contains("expected at most the ", faults[0].Message);
        Assert.IsTrue(ThreadWorkers.Run(2, worker => new WorkShare(worker).LeastPart(worker.IsFirst ? null : 100))
            .All(part => part is null), "not known in one");

        bool Recomputes(WorkShare share, long free) => new MemoryPlan(Run(model, null), new TrainingPlan(
            Run(model, null)), PrefixLength).Decide(share.LeastPart(free));
    }

    [TestMethod]
    public void Refusal_OfABaseAsStored_OffersNoOtherPrecision()
    {
        using LanguageModel wide = TinyTraining.Model(), model = TinyTraining.Stored(wide);
        string message = Assert.ThrowsExactly<InvalidOperationException>(() => Decide(Run(model, 1_000_000))).Message;

        Assert.DoesNotContain("PrefixTuningOptions.Precision", message);
    }

    [TestMethod]
    public void Decide_OfAPassThatDoesNotFit_IsRefusedWithWhatNeedsLess()
    {
        using LanguageModel model = TinyTraining.Model();
        TrainingRun run = Run(model, 1_000_000, Recomputation.Never);

        string message = Assert.ThrowsExactly<InvalidOperationException>(() => Decide(run)).Message;

        StringAssert.Contains(message, "the largest pass has 2 rows of up to 2000 tokens");
        StringAssert.Contains(message, "expected at most the 0.00 GB that are free");
        StringAssert.Contains(message, "TrainingOptions.Recompute Always (about ");
        StringAssert.Contains(message, "TrainingOptions.MaxTokensPerPass 2000 or BatchSize 1 (about ");
        StringAssert.Contains(message, "PrefixTuningOptions.Precision BFloat16 (about ");
        StringAssert.Contains(message, "PrefixTuningOptions.Precision AsStored (about ");
        StringAssert.Contains(message, "shorter rows; Row 1 (the first is 1) has 2000 tokens.");
    }

    [TestMethod]
    public void Train_WithAnyFreeMemory_GivesTheSameBytes()
    {
        using LanguageModel model = TinyTraining.Model();
        float[] kept = Train(model, long.MaxValue, recomputes: false);
        TrainingRun run = TinyTraining.Run(model);

        CollectionAssert.AreEqual(kept, Train(model, LeastFree(run), recomputes: true));
    }

    /// <summary>What layers that are run twice need is told as it will be; of kept ones, as the heap is.</summary>
    [TestMethod]
    public void Decide_WhereLargeBlocksCanBeReturned_CountsNoHolesOfLayersRunTwice()
    {
        using LanguageModel model = TinyTraining.Model();
        // Hidden states of 5 MB.
        TrainingExample[] rows = [Row(20_000), Row(20_000)];
        var returned = new PassMemory(model.Spec, ScalarType.Float32, PrefixLength, areBlocksReturned: true);
        long ofTwice = (long)returned.Of(rows, recomputes: true) + 1, ofKept = (long)returned.Of(rows, false) + 1;
        var options = new TrainingOptions { MaxTokensPerPass = 100_000, BatchSize = rows.Length };
        TrainingRun run = Run(model, null) with { Examples = rows, Options = options };
        var offered = new LargeBlocks { Offer = () => true };
        var set = new LargeBlocks { AreReturned = true };

        Assert.IsTrue(Fits(ofTwice, Recomputation.Always, offered));
        Assert.IsTrue(Fits(ofTwice, Recomputation.Automatic, offered));
        Assert.IsFalse(Fits(ofTwice, Recomputation.Always, new LargeBlocks()));
        Assert.IsFalse(Fits(ofKept, Recomputation.Never, offered), "kept layers change nothing of the heap");
        Assert.IsTrue(Fits(ofKept, Recomputation.Never, set));

        bool Fits(long free, Recomputation recompute, LargeBlocks blocks)
        {
            try
            {
                Decide(run with
                {
                    FreeMemory = () => free,
                    Blocks = blocks,
                    Options = options with { Recompute = recompute },
                });
                return true;
            }
            catch (InvalidOperationException)
            {
                return false;
            }
        }
    }

    /// <summary>Automatic as well as Always; not where layers are kept.</summary>
    [TestMethod]
    [DataRow(Recomputation.Always, true)]
    [DataRow(Recomputation.Automatic, true)]
    [DataRow(Recomputation.Automatic, false)]
    [DataRow(Recomputation.Never, false)]
    public void Train_OfLayersRunTwice_HasLargeBlocksReturnedWhereThatIsOffered(Recomputation recompute, bool isTwice)
    {
        using LanguageModel model = TinyTraining.Model();
        TrainingRun run = TinyTraining.Run(model);
        long least = LeastFree(run);
        var blocks = new LargeBlocks { Offer = () => true };
        using TrainedKeyValues parametrization = TinyTraining.Direct(model);

        Trained trained = Trained.By(run with
        {
            FreeMemory = () => isTwice ? least : long.MaxValue,
            Blocks = blocks,
            Options = run.Options with { Recompute = recompute },
        }, parametrization);

        Assert.AreEqual(isTwice, trained.Summary.Recomputed);
        Assert.AreEqual(isTwice, blocks.AreReturned);
    }

    [TestMethod]
    public void Need_OfLayersRunTwice_IsBelowThatOfKeptOnesAndGrowsWithTokens()
    {
        using LanguageModel model = TinyTraining.Model();
        double kept = Need(model, recomputes: false), recomputed = Need(model, recomputes: true);
        // With masks as parts both times, which one of whole masks may exceed.
        double half = Memory(model).Of([Row(1500), Row(1500)], recomputes: true);

        Assert.IsLessThan(kept, recomputed);
        Assert.IsLessThan(recomputed, half);
        Assert.IsLessThan(kept, Memory(model).OfReading([Row(2000), Row(2000)]));
    }

    /// <summary>They keep what they were given, and make no more than their result.</summary>
    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Need_OfNormsAndGatesThatAreOneFunction_IsBelowThatOfTorchs(bool recomputes)
    {
        using LanguageModel model = TinyTraining.Model();
        StackSpec stack = model.Spec.Decoder;
        double own = Of(stack);

        Assert.IsLessThan(Of(stack with { Norm = stack.Norm with { Kind = NormKind.Layer } }), own);
        Assert.IsLessThan(Of(stack with
        {
            FeedForward = stack.FeedForward with { Activation = Activation.GeluTanh },
        }), own);

        double Of(StackSpec decoder) => new PassMemory(model.Spec with { Decoder = decoder }, ScalarType.BFloat16,
            PrefixLength).Of([Row(200)], recomputes);
    }

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Need_OfRowsThatShareASource_IsBelowThatOfRowsApart(bool recomputes)
    {
        using LanguageModel model = TinyTraining.Model();
        PassMemory memory = Memory(model);
        double shared = memory.Of([Row(500), Row(500)], recomputes, RowPacking.OneRow);

        Assert.IsLessThan(memory.Of([Row(500), Row(500)], recomputes), shared);
        Assert.IsGreaterThan(memory.Of([Row(500)], recomputes), shared);
    }

    /// <summary>The kernel has a word for one text's order, but none for branches.</summary>
    [TestMethod]
    public void Need_OfALongRowOfBranches_HasTheMaskOfAPart()
    {
        using LanguageModel model = TinyTraining.Model();
        double text = Memory(model).Of([Row(2050)], recomputes: true);
        double branches = Memory(model).Of([Row(2000), Row(2000)], recomputes: true, RowPacking.OneRow);

        Assert.IsGreaterThan(4.0 * MaskParts.MostNumbers, branches - text);
    }

    /// <summary>A stored matrix is wide somewhere; its head is never wide as a whole.</summary>
    [TestMethod]
    public void Need_OfABaseAsStored_HasTheMemoryInWhichItIsWidened()
    {
        using LanguageModel model = TinyTraining.Model();
        TransformerSpec spec = model.Spec with { VocabularySize = 128_256, Width = 4096, EmbeddingWidth = 4096 };

        double wide = new PassMemory(spec, ScalarType.Float32, PrefixLength).Of([Row(60)], recomputes: true);
        double stored = new PassMemory(spec, ScalarType.Float32, PrefixLength, isStored: true)
            .Of([Row(60)], recomputes: true);

        // A block of the head, less the scores of the words that are not in it.
        Assert.AreEqual(4.0 * WideSpace.DefaultBlockNumbers, stored - wide, 0.9 * 4 * WideSpace.DefaultBlockNumbers);
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

    private static bool Decide(TrainingRun run)
    {
        var plan = new MemoryPlan(run, new TrainingPlan(run), PrefixLength);
        return plan.Decide(plan.FindFree());
    }

    // The fewest bytes that a run is not refused with.
    private static long LeastFree(TrainingRun run)
    {
        long refused = 0, enough = 1L << 40;
        while (enough - refused > 1)
        {
            long free = (refused + enough) / 2;
            try
            {
                Decide(run with { FreeMemory = () => free });
                enough = free;
            }
            catch (InvalidOperationException)
            {
                refused = free;
            }
        }
        return enough;
    }

    private static long Margined(double need) => (long)(1.25 * need) + 1;

    private static double Need(LanguageModel model, bool recomputes) =>
        Memory(model).Of([Row(2000), Row(2000)], recomputes);

    private static PassMemory Memory(LanguageModel model) => new(model.Spec, ScalarType.Float32, PrefixLength);

    private static TrainingExample Row(int tokens) => new(new int[tokens - 50], new int[50]);
}
