using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

[TestClass]
[TestCategory("Quick")]
public sealed class TriggerSearchTests
{
    private static readonly TriggerRequest Request = new()
    {
        Start = [1, 4, 9, 11],
        FixedFront = 1,
        Allowed = [.. Enumerable.Range(10, 30)],
        Candidates = 5,
    };

    [TestMethod]
    public void Run_OverRows_FindsWordsWithALowerLoss()
    {
        using LanguageModel model = TinyTraining.Model();
        using FixedPrefix start = Start(model);
        TrainingRun run = Search(model, start) with { Validation = TinyTraining.Rows(8, seed: 9) };
        TrainingOutcome outcome = TriggerSearch.Run(run, Request);
        double best = outcome.Validations.Single(point => point.Step == outcome.BestStep).Loss;
        Assert.IsLessThan(outcome.StartLoss, best);
        Assert.AreEqual(best, outcome.Validations.Min(point => point.Loss));
        using var scope = NewDisposeScope();
        using var found = new FixedPrefix(outcome.Best, CPU);
        Assert.AreEqual(best, PrefixScorer.MeanLoss(run, run.Validation, found.Materialize()), 1e-6,
            "the prefix is that of the best words");
    }

    [TestMethod]
    public void Run_OverRows_ChangesFreePlacesToAllowedWordsOnly()
    {
        using LanguageModel model = TinyTraining.Model();
        using FixedPrefix start = Start(model);
        TrainingOutcome outcome = TriggerSearch.Run(Search(model, start), Request);
        Assert.HasCount(3, outcome.TriggerWords!);
        for (int place = 0; place < 3; place++)
        {
            int word = outcome.TriggerWords![place];
            Assert.IsTrue(word == Request.Start[place + 1] || Request.Allowed.Contains(word), $"{word}");
        }
        int[] whole = [1, .. outcome.TriggerWords!];
        using var scope = NewDisposeScope();
        using var words = new TrainedEmbeddings(model, TrainedEmbeddings.EmbeddingsOf(model, whole), start.Convention);
        CollectionAssert.AreEqual(TinyTraining.Values(words.Bake()), TinyTraining.Values(outcome.Best));
    }

    [TestMethod]
    public void Run_OfASeed_FindsTheSameWords()
    {
        using LanguageModel model = TinyTraining.Model();
        using FixedPrefix start = Start(model);
        TrainingOutcome one = TriggerSearch.Run(Search(model, start), Request),
            same = TriggerSearch.Run(Search(model, start), Request);
        CollectionAssert.AreEqual(one.TriggerWords!.ToArray(), same.TriggerWords!.ToArray());
        CollectionAssert.AreEqual(one.Steps.ToArray(), same.Steps.ToArray());
    }

    [TestMethod]
    public void Run_OfManySteps_HoldsNoTensors()
    {
        using LanguageModel model = TinyTraining.Model();
        using FixedPrefix start = Start(model);
        TriggerSearch.Run(Search(model, start), Request);
        long before = OwnTensors.Live;
        TriggerSearch.Run(Search(model, start), Request);
        Assert.AreEqual(before, OwnTensors.Live);
    }

    [TestMethod]
    public void Run_OfAPromptWithTheBeginToken_MeasuresTheBaseWithIt()
    {
        using LanguageModel model = TinyTraining.Model();
        using FixedPrefix start = Start(model);
        TrainingRun run = Search(model, start) with { Validation = TinyTraining.Rows(8, seed: 9), Opening = [1] };
        double with = TriggerSearch.Run(run, Request).BaseLoss,
            without = TriggerSearch.Run(run with { Opening = [] }, Request).BaseLoss;
        Assert.AreEqual(PrefixTrainer.Train(run with { Options = run.Options with { MaxSteps = 0 } }).BaseLoss, with);
        Assert.AreNotEqual(without, with);
    }

    [TestMethod]
    public void Run_OfBatchesInParts_FindsTheSameWords()
    {
        using LanguageModel model = TinyTraining.Model();
        using FixedPrefix start = Start(model);
        TrainingRun run = Search(model, start);
        run = run with { Order = _ => [[.. Enumerable.Range(0, run.Examples.Count)]] };
        int[] whole = Words(run.Examples.Count), parts = Words(3);
        CollectionAssert.AreNotEqual(Request.Start[1..], whole);
        CollectionAssert.AreEqual(whole, parts);

        int[] Words(int batchSize) =>
            [.. TriggerSearch.Run(run with { Options = run.Options with { BatchSize = batchSize } },
            Request).TriggerWords!];
    }

    [TestMethod]
    public void Run_OfAnObjective_SearchesAlongItsGradient()
    {
        using LanguageModel model = TinyTraining.Model();
        using FixedPrefix start = Start(model);
        TrainingRun run = Search(model, start);
        int[] down = First(run.Objective), up = First(new Opposite(run.Objective));
        CollectionAssert.AreNotEqual(down, up);

        int[] First(ITrainingObjective objective) =>
            [.. TriggerSearch.Run(run with { Objective = objective }, Request).TriggerWords!];
    }

    [TestMethod]
    public void Run_WithoutABetterWord_StopsAtTheEndOfAnEpochOnly()
    {
        using LanguageModel model = TinyTraining.Model();
        using FixedPrefix start = Start(model);
        TrainingRun run = Search(model, start) with
        {
            Validation = TinyTraining.Rows(4, seed: 9),
            Options = new TrainingOptions
            {
                MaxEpochs = 4,
                MaxSteps = 100,
                EarlyStopping = new EarlyStopping { Patience = 1 }
            },
            Order = _ => [.. Enumerable.Range(0, 30).Select(_ => (int[])[0, 1])],
        };
        TrainingOutcome outcome = TriggerSearch.Run(run, Request with { Start = [1, 9, 9, 9], Allowed = [9] });
        Assert.AreEqual(StopReason.EarlyStopping, outcome.Reason);
        CollectionAssert.AreEqual((int[])[0, 20, 30], outcome.Validations.Select(point => point.Step).ToArray());
    }

    /// <summary>An objective turned round.</summary>
    private sealed class Opposite(ITrainingObjective objective) : ITrainingObjective
    {
        public string Identity => "opposite";

        public double Sum(LanguageModel model, TargetStates states, IReadOnlyList<TrainingExample> rows) =>
            -objective.Sum(model, states, rows);

        public (double Sum, Tensor Gradient) WithGradient(LanguageModel model, TargetStates states,
            IReadOnlyList<TrainingExample> rows)
        {
            (double sum, Tensor gradient) = objective.WithGradient(model, states, rows);
            return (-sum, gradient.neg());
        }
    }

    private static FixedPrefix Start(LanguageModel model) =>
        new(TinyTraining.Start(model, PrefixStart.DefaultText), CPU);

    private static TrainingRun Search(LanguageModel model, FixedPrefix start) =>
        TinyTraining.Run(model, start,
            new TrainingOptions { MaxEpochs = 4, BatchSize = 4, MaxSteps = 15, EarlyStopping = null });
}
