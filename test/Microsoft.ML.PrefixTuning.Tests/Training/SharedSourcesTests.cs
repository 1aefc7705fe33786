using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>
/// Rows of one source that read it once (<see cref="TrainingOptions.SharedSources"/>) against the same rows apart.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class SharedSourcesTests
{
    private const int One = 20, Other = 9;

    private static readonly TrainingOptions s_apart = new(), s_shared = new() { SharedSources = true };

    public static IEnumerable<object[]> Shapes => GoldenLogits.Names.Select(name => new object[] { name });

    [TestMethod]
    [DynamicData(nameof(Shapes))]
    public void Step_OfSharedSources_HasTheLossAndGradientOfRowsApart(string shape)
    {
        FirstStep apart = ShapeTraining.Step(shape, s_apart, rows: Rows);
        FirstStep shared = ShapeTraining.Step(shape, s_shared, rows: Rows);

        AssertClose(apart, shared);
        Assert.AreEqual(apart.Tokens - 2 * One - Other, shared.Tokens);
    }

    [TestMethod]
    [DynamicData(nameof(Shapes))]
    public void Step_OfAMemory_HasTheLossAndGradientOfRowsApart(string shape) => AssertClose(
        ShapeTraining.Step(shape, s_apart, PrefixConvention.Memory, Rows),
        ShapeTraining.Step(shape, s_shared, PrefixConvention.Memory, Rows));

    [TestMethod]
    [DataRow("llama", nameof(PrefixPlacement.Front), false, false)]
    [DataRow("llama", nameof(PrefixPlacement.AfterSource), true, false)]
    [DataRow("llama", nameof(PrefixPlacement.BeforeLastSourceToken), true, false)]
    [DataRow("gpt2", nameof(PrefixPlacement.AfterSource), true, false)]
    [DataRow("gpt2", nameof(PrefixPlacement.BeforeLastSourceToken), false, false)]
    [DataRow("mistral-window", nameof(PrefixPlacement.Front), true, true)]
    [DataRow("mistral-window", nameof(PrefixPlacement.AfterSource), true, true)]
    [DataRow("gemma2", nameof(PrefixPlacement.BeforeLastSourceToken), true, false)]
    public void Step_WithAPrefixAnywhere_HasTheLossAndGradientOfRowsApart(string shape, string placement,
        bool takesPositions, bool countsInWindow)
    {
        var convention = new PrefixConvention(Enum.Parse<PrefixPlacement>(placement), takesPositions, countsInWindow);

        AssertClose(ShapeTraining.Step(shape, s_apart, convention, Rows),
            ShapeTraining.Step(shape, s_shared, convention, Rows));
    }

    [TestMethod]
    [DataRow(TrainingLoss.SentenceSum, 0.0)]
    [DataRow(TrainingLoss.TokenMean, 0.1)]
    public void Step_OfAnyLoss_HasTheLossAndGradientOfRowsApart(TrainingLoss loss, double smoothing)
    {
        TrainingOptions options = s_apart with { Loss = loss, LabelSmoothing = smoothing };

        AssertClose(ShapeTraining.Step("llama", options, rows: Rows),
            ShapeTraining.Step("llama", options with { SharedSources = true }, rows: Rows));
    }

    /// <summary>The third row has the source of the first two and another prefix.</summary>
    [TestMethod]
    [DataRow("llama", false)]
    [DataRow("bart", false)]
    [DataRow("llama", true)]
    [DataRow("bart", true)]
    public void Step_OfAttributeValues_HasTheLossAndGradientOfRowsApart(string shape, bool isMemory)
    {
        FirstStep apart = Step(s_apart), shared = Step(s_shared);

        AssertClose(apart, shared);
        Assert.AreEqual(apart.Tokens - One - Other, shared.Tokens);

        FirstStep Step(TrainingOptions options) =>
            GoldenLogits.With(new GoldenLogits(shape).Read(), model => OfModel(model, options));

        FirstStep OfModel(LanguageModel model, TrainingOptions options)
        {
            using TrainedPrefix groups = isMemory
                ? new TrainedMemories(Memories.Random(model.Spec, 1, 0.2), CPU, values: 2, keepsShared: true)
                : new TrainedGroups([ShapeTraining.Start(model), ShapeTraining.Start(model, seed: 2)], ownLength: 2,
                    CPU);
            TrainingExample[] rows =
                [.. Rows(model.Spec.VocabularySize).Select((row, i) => row with { Group = i < 2 ? 0 : 1 })];
            return ShapeTraining.Step(ShapeTraining.Run(model, rows) with { Options = options }, groups);
        }
    }

    [TestMethod]
    [DataRow(0)]
    [DataRow(4)]
    public void Step_ByATeacher_HasTheLossAndGradientOfRowsApart(int topK)
    {
        using LanguageModel model = TinyTraining.Model();
        using PrefixTensors teacher =
            PrefixTensors.Make(TinyTraining.Start(model, PrefixStart.Random(0.8), length: 6, seed: 5), model);
        TrainingExample[] rows = Rows(TinyTraining.Vocabulary);
        rows = [.. new TeacherPass
        {
            Model = model,
            Prefix = teacher.Sites,
            TopK = topK,
            Temperature = 2,
            BatchSize = 2,
        }.Annotate(rows, rows)];

        AssertClose(Step(s_apart), Step(s_shared));

        FirstStep Step(TrainingOptions options)
        {
            using TrainedKeyValues student = TinyTraining.Direct(model);
            return ShapeTraining.Step(ShapeTraining.Run(model, rows) with
            {
                Options = options,
                Objective = new DistillationObjective(2, "a teacher"),
            }, student);
        }
    }

    [TestMethod]
    [DataRow("llama", 2 * One + Other)]
    [DataRow("bart", 3 * One + Other)]
    public void Step_OfPassesThatCutASource_HasTheLossAndGradientOfTheWhole(string shape, int sources)
    {
        FirstStep apart = ShapeTraining.Step(shape, s_apart, rows: Rows);
        FirstStep cut = ShapeTraining.Step(shape, s_shared with { MaxTokensPerPass = 30 }, rows: Rows);

        AssertClose(apart, cut);
        Assert.AreEqual(apart.Tokens - 3 * One - 2 * Other + sources, cut.Tokens);
    }

    /// <summary>Sources of 20 and 9 tokens, targets of 9, 1 and 6 and of 4 and 7.</summary>
    [TestMethod]
    [DataRow(nameof(RowPacking.OneRow), 72, "5")]
    [DataRow(nameof(RowPacking.OneRow), 71, "3 2")]
    [DataRow(nameof(RowPacking.OneRow), 30, "2 1 2")]
    [DataRow(nameof(RowPacking.OneRow), 29, "1 2 2")]
    [DataRow(nameof(RowPacking.OneRow), 1, "1 1 1 1 1")]
    [DataRow(nameof(RowPacking.OneEncoding), 85, "5")]
    [DataRow(nameof(RowPacking.OneEncoding), 84, "4 1")]
    public void Passes_OfSharedSources_TakeTheTokensAllowedInOrder(string packing, int most, string expected)
    {
        TrainingExample[] rows = Rows(100);

        TrainingExample[][] passes = [.. BatchPlan.Passes(rows, most, Enum.Parse<RowPacking>(packing))];

        Assert.AreEqual(expected, string.Join(' ', passes.Select(pass => pass.Length)));
        CollectionAssert.AreEqual(rows, passes.SelectMany(pass => pass).ToArray());
    }

    [TestMethod]
    [DynamicData(nameof(Shapes))]
    public void Step_WithLayersRunTwice_GivesTheSameBytes(string shape)
    {
        FirstStep kept = ShapeTraining.Step(shape, s_shared with { Recompute = Recomputation.Never }, rows: Rows);
        FirstStep recomputed = ShapeTraining.Step(shape, s_shared with { Recompute = Recomputation.Always },
            rows: Rows);

        Assert.AreEqual(kept.Loss, recomputed.Loss);
        for (int i = 0; i < kept.Gradients.Length; i++)
            CollectionAssert.AreEqual(kept.Gradients[i], recomputed.Gradients[i]);
    }

    [TestMethod]
    public void Train_ByWorkers_GivesTheBytesOfOne()
    {
        using LanguageModel model = TinyTraining.Model();
        Trained alone = Train(model, s_shared, null);

        Assert.IsTrue(alone.Summary.SharedSources);
        foreach (Trained one in ThreadWorkers.Run(2, worker => Train(model, s_shared, worker)))
        {
            CollectionAssert.AreEqual(TinyTraining.Values(alone.Best), TinyTraining.Values(one.Best));
            CollectionAssert.AreEqual(alone.Steps.ToArray(), one.Steps.ToArray());
        }
    }

    [TestMethod]
    public void Train_OfSharedSources_MeasuresRowsApart()
    {
        using LanguageModel model = TinyTraining.Model();
        TrainingSummary apart = Train(model, s_apart, null).Summary, shared = Train(model, s_shared, null).Summary;

        Assert.AreEqual((apart.BaseLoss, apart.StartLoss), (shared.BaseLoss, shared.StartLoss));
        Assert.AreEqual(apart.ValidationLosses[0], shared.ValidationLosses[0]);
        Assert.HasCount(apart.Losses.Count, shared.Losses);
        Assert.IsLessThan(apart.Tokens, shared.Tokens);
    }

    [TestMethod]
    public void Search_OfSharedSources_FindsTheWordsOfRowsApart()
    {
        using LanguageModel model = TinyTraining.Model();
        var request = new TriggerRequest
        {
            Start = [1, 4, 9, 11],
            FixedFront = 1,
            Allowed = [.. Enumerable.Range(10, 30)],
            Candidates = 5,
        };

        CollectionAssert.AreEqual(Words(s_apart), Words(s_shared));

        int[] Words(TrainingOptions options)
        {
            TrainingRun run = ShapeTraining.Run(model, Rows(TinyTraining.Vocabulary)) with
            {
                Options = options with { MaxEpochs = 4 },
                Order = _ => [[0, 1, 2, 3, 4]],
            };
            return [.. Trained.Search(run, request).Words!];
        }
    }

    [TestMethod]
    public void ShuffledBySource_Batches_HoldEveryRowOnceAndWholeSources()
    {
        const int BatchSize = 8;
        TrainingExample[] rows = Many();
        ILookup<int, int> sources = Enumerable.Range(0, rows.Length).ToLookup(row => rows[row].Source[0]);
        for (int epoch = 0; epoch < 6; epoch++)
        {
            int[][] batches = BatchPlan.ShuffledBySource(rows, BatchSize, 1, epoch);

            Assert.HasCount(BatchPlan.Shuffled(rows, BatchSize, 1, epoch).Length, batches);
            CollectionAssert.AreEquivalent(Enumerable.Range(0, rows.Length).ToArray(),
                batches.SelectMany(batch => batch).ToArray());
            foreach (IGrouping<int, int> source in sources)
            {
                int split = batches.Count(batch => batch.Intersect(source).Any());
                Assert.IsLessThanOrEqualTo((source.Count() + BatchSize - 1) / BatchSize, split, $"{source.Key}");
            }
            Assert.IsLessThanOrEqualTo(2 * BatchSize, batches.Max(batch => batch.Length));
        }
    }

    [TestMethod]
    public void ShuffledBySource_OfOneSource_MakesBatchesOfTheSize()
    {
        TrainingExample[] rows = [.. Enumerable.Range(0, 20).Select(row => new TrainingExample([3, 4], [row, 2]))];

        int[][] batches = BatchPlan.ShuffledBySource(rows, 8, 1, 0);

        CollectionAssert.AreEqual(new[] { 6, 7, 7 }, batches.Select(batch => batch.Length).Order().ToArray());
    }

    [TestMethod]
    public void ShuffledBySource_Batches_DependOnSeedAndEpochAlone()
    {
        TrainingExample[] rows = Many();
        string Order(int seed, int epoch) =>
            string.Join(" ", BatchPlan.ShuffledBySource(rows, 4, seed, epoch).SelectMany(batch => batch));
        Assert.AreEqual(Order(1, 2), Order(1, 2));
        Assert.AreNotEqual(Order(1, 2), Order(1, 3));
        Assert.AreNotEqual(Order(1, 2), Order(2, 2));
    }

    /// <summary>Without a source nothing predicts a target's first token: there is nothing to read once.</summary>
    [TestMethod]
    public void Packs_OfRowsWithoutASource_AreOneEach()
    {
        TrainingExample[] rows =
            [new([], [4, 2]), new([], [5, 2]), new([3], [4, 2]), new([3], [5, 2]), new([3, 4], [2])];

        RowPack[] packs = RowPack.Of(rows, RowPacking.OneRow);

        Assert.AreEqual("1 1 2 1", string.Join(' ', packs.Select(pack => pack.Rows.Count)));
        Assert.HasCount(rows.Length, RowPack.Of(rows, RowPacking.None));
    }

    private static void AssertClose(FirstStep expected, FirstStep found)
    {
        Assert.AreEqual(expected.Loss, found.Loss, 1e-5);
        Assert.IsLessThanOrEqualTo(1e-5, expected.Difference(found));
    }

    private static Trained Train(LanguageModel model, TrainingOptions options, TrainingWorkers? workers)
    {
        using TrainedKeyValues direct = TinyTraining.Direct(model);
        TrainingRun run = TinyTraining.Run(model, options with
        {
            MaxEpochs = 2,
            BatchSize = 4,
            GradientAccumulation = 2,
            WarmupSteps = 2,
            Workers = workers,
        });
        return Trained.By(run with { Examples = Many(), Validation = Rows(TinyTraining.Vocabulary) }, direct);
    }

    /// <summary>
    /// Five rows of two sources, of which the longer one alone nearly fills a window of 24; a target is an end token
    /// alone.
    /// </summary>
    private static TrainingExample[] Rows(int vocabulary)
    {
        return [Row(One, 9, 0), Row(One, 1, 1), Row(One, 6, 2), Row(Other, 4, 3), Row(Other, 7, 4)];

        TrainingExample Row(int source, int target, int row) =>
            new(Ids(source, source), Ids(target, 31 + row), Row: row);

        int[] Ids(int count, int first) =>
            [.. Enumerable.Range(0, count).Select(i => (first + 11 * i + i * i) % vocabulary)];
    }

    /// <summary>54 rows of twelve sources, 1 to 9 of each, not side by side.</summary>
    private static TrainingExample[] Many()
    {
        IEnumerable<TrainingExample> rows =
            from source in Enumerable.Range(0, 12)
            from target in Enumerable.Range(0, 1 + 5 * source % 9)
            orderby (31 * target + 17 * source) % 13
            select new TrainingExample([3 + source, 4, 5], [.. Enumerable.Repeat(7 + target, 1 + target % 4), 2]);
        return [.. rows.Select((row, i) => row with { Row = i })];
    }
}
