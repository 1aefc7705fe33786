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
public sealed class TriggerLearnerTests
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
        TrainingRun run = Search(model) with { Validation = TinyTraining.Rows(8, seed: 9) };
        Trained outcome = Trained.Search(run, Request);
        double best = outcome.Summary.ValidationLosses.Single(point => point.Step == outcome.Summary.BestStep).Loss;
        Assert.IsLessThan(outcome.Summary.StartLoss, best);
        Assert.AreEqual(best, outcome.Summary.ValidationLosses.Min(point => point.Loss));
        using var scope = NewDisposeScope();
        using var found = new FixedPrefix(outcome.Best, CPU);
        Assert.AreEqual(best, new PrefixPass(run, found.Convention)
            .MeanLoss(run.Validation, found.Materialize(), () => { }), 1e-6,
            "the prefix is that of the best words");
    }

    [TestMethod]
    public void Run_OverRows_ChangesFreePlacesToAllowedWordsOnly()
    {
        using LanguageModel model = TinyTraining.Model();
        using FixedPrefix start = Start(model);
        Trained outcome = Trained.Search(Search(model), Request);
        Assert.HasCount(3, outcome.Words!);
        for (int place = 0; place < 3; place++)
        {
            int word = outcome.Words![place];
            Assert.IsTrue(word == Request.Start[place + 1] || Request.Allowed.Contains(word), $"{word}");
        }
        int[] whole = [1, .. outcome.Words!];
        using var scope = NewDisposeScope();
        using var words = new TrainedEmbeddings(model, TrainedEmbeddings.EmbeddingsOf(model, whole), start.Convention);
        CollectionAssert.AreEqual(TinyTraining.Values(words.Bake()), TinyTraining.Values(outcome.Best));
    }

    [TestMethod]
    public void Run_OfASeed_FindsTheSameWords()
    {
        using LanguageModel model = TinyTraining.Model();
        Trained one = Trained.Search(Search(model), Request),
            same = Trained.Search(Search(model), Request);
        CollectionAssert.AreEqual(one.Words!.ToArray(), same.Words!.ToArray());
        CollectionAssert.AreEqual(one.Steps.ToArray(), same.Steps.ToArray());
    }

    [TestMethod]
    public void Run_StoppedAtAnyStepAndResumed_EqualsUninterrupted()
    {
        using LanguageModel model = TinyTraining.Model();
        Trained whole = Search(null, int.MaxValue);
        for (int stop = 0; stop < whole.Steps.Count; stop += 4)
        {
            var state = new MemoryState();
            Assert.ThrowsExactly<OperationCanceledException>(() => Search(state, stop));
            Trained resumed = Search(state, int.MaxValue);
            CollectionAssert.AreEqual(whole.Words!.ToArray(), resumed.Words!.ToArray(), $"stopped after {stop}");
            CollectionAssert.AreEqual(whole.Steps.ToArray(), resumed.Steps.ToArray());
            TrainingSummary wanted = whole.Summary, found = resumed.Summary;
            CollectionAssert.AreEqual(wanted.ValidationLosses.ToArray(), found.ValidationLosses.ToArray());
            Assert.AreEqual((wanted.BestStep, wanted.Tokens), (found.BestStep, found.Tokens));
        }

        Trained Search(MemoryState? state, int stopAfter)
        {
            int step = 0;
            return Trained.Search(TriggerLearnerTests.Search(model) with
            {
                State = state,
                Validation = TinyTraining.Rows(4, seed: 9),
                Progress = progress => step = progress.Step,
                CheckAlive = () =>
                {
                    if (step >= stopAfter)
                        throw new OperationCanceledException();
                },
            }, Request);
        }
    }

    [TestMethod]
    public void Run_OfManySteps_HoldsNoTensors()
    {
        using LanguageModel model = TinyTraining.Model();
        Trained.Search(Search(model), Request);
        long before = OwnTensors.Live;
        Trained.Search(Search(model), Request);
        Assert.AreEqual(before, OwnTensors.Live);
    }

    [TestMethod]
    public void Run_OfAPromptWithTheBeginToken_MeasuresTheBaseWithIt()
    {
        using LanguageModel model = TinyTraining.Model();
        using FixedPrefix start = Start(model);
        TrainingRun run = Search(model) with { Validation = TinyTraining.Rows(8, seed: 9), Opening = [1] };
        double with = Trained.Search(run, Request).Summary.BaseLoss,
            without = Trained.Search(run with { Opening = [] }, Request).Summary.BaseLoss;
        TrainingRun measured = run with { Options = run.Options with { MaxSteps = 0 } };
        Assert.AreEqual(Trained.By(measured, start).Summary.BaseLoss, with);
        Assert.AreNotEqual(without, with);
    }

    [TestMethod]
    public void Run_OfBatchesInParts_FindsTheSameWords()
    {
        using LanguageModel model = TinyTraining.Model();
        TrainingRun run = Search(model);
        run = run with { Order = _ => [[.. Enumerable.Range(0, run.Examples.Count)]] };
        int[] whole = Words(run.Examples.Count), parts = Words(3);
        CollectionAssert.AreNotEqual(Request.Start[1..], whole);
        CollectionAssert.AreEqual(whole, parts);

        int[] Words(int batchSize) =>
            [.. Trained.Search(run with { Options = run.Options with { BatchSize = batchSize } },
            Request).Words!];
    }

    [TestMethod]
    public void Run_OfAnObjective_SearchesAlongItsGradient()
    {
        using LanguageModel model = TinyTraining.Model();
        TrainingRun run = Search(model);
        int[] down = First(run.Objective), up = First(new Opposite(run.Objective));
        CollectionAssert.AreNotEqual(down, up);

        int[] First(ITrainingObjective objective) =>
            [.. Trained.Search(run with { Objective = objective }, Request).Words!];
    }

    [TestMethod]
    public void Run_WithoutABetterWord_StopsAtTheEndOfAnEpochOnly()
    {
        using LanguageModel model = TinyTraining.Model();
        TrainingRun run = Search(model) with
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
        Trained outcome = Trained.Search(run, Request with { Start = [1, 9, 9, 9], Allowed = [9] });
        Assert.AreEqual(TrainingEnd.EarlyStopping, outcome.Summary.End);
        CollectionAssert.AreEqual((int[])[0, 20, 30],
            outcome.Summary.ValidationLosses.Select(point => point.Step).ToArray());
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

    private static TrainingRun Search(LanguageModel model) =>
        TinyTraining.Run(model,
            new TrainingOptions { MaxEpochs = 4, BatchSize = 4, MaxSteps = 15, EarlyStopping = null });
}
