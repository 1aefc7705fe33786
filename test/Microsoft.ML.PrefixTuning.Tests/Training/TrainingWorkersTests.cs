using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using System.Threading;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>Several workers, threads here, train the prefix of one, and end together.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TrainingWorkersTests
{
    private static readonly TrainingOptions Short = new()
    {
        MaxEpochs = 2,
        BatchSize = 3,
        GradientAccumulation = 2,
        WarmupSteps = 2,
        StateInterval = 1000,
    };

    [TestMethod]
    [DataRow(1, 2, 4096)]
    [DataRow(2, 2, 4096)]
    [DataRow(3, 4, 4096)]
    [DataRow(4, 2, 4096)] // Two passes a step: two workers have none.
    [DataRow(4, 2, 20)]   // Rows of 8 to 16 tokens: several passes a batch.
    public void Train_ByWorkers_GivesTheBytesOfOne(int count, int accumulation, int mostTokens)
    {
        using LanguageModel model = TinyTraining.Model();
        TrainingOptions options = Short with
        {
            GradientAccumulation = accumulation,
            MaxTokensPerPass = mostTokens,
            PrefixDropout = 0.2,
            AveragingGrowth = 0.6,
        };
        var state = new MemoryState();
        Trained alone = Train(model, options, state);
        var shared = new MemoryState();
        foreach (Trained one in ThreadWorkers.Run(count, worker => Train(model, options, worker, shared)))
            AssertSame(alone, one);
        Assert.AreEqual(Timeless(state), Timeless(shared));
        CollectionAssert.AreEquivalent(state.Content!.Tensors.Keys.ToArray(), shared.Content!.Tensors.Keys.ToArray());
        foreach ((string name, StateTensor tensor) in state.Content.Tensors)
            CollectionAssert.AreEqual(tensor.Values, shared.Content.Tensors[name].Values, name);
    }

    [TestMethod]
    public void Train_ByWorkers_StopsEarlyAsOne()
    {
        using LanguageModel model = TinyTraining.Model();
        TrainingOptions options = Short with { MaxEpochs = 9, EarlyStopping = new() { Patience = 1, MinDelta = 0.3 } };
        Trained alone = Train(model, options);
        Assert.AreEqual(TrainingEnd.EarlyStopping, alone.Summary.End);
        foreach (Trained one in ThreadWorkers.Run(2, worker => Train(model, options, worker)))
            AssertSame(alone, one);
    }

    [TestMethod]
    [DataRow(1, 1)]
    [DataRow(3, 2)]
    [DataRow(5, 4)]
    public void Train_CancelledInOneWorker_StopsAllAndGoesOnUnderAnotherNumber(int stop, int then)
    {
        using LanguageModel model = TinyTraining.Model();
        Trained alone = Train(model, Short);
        var state = new MemoryState();
        Exception[] faults = ThreadWorkers.Run(3, worker => (Exception)Assert.Throws<OperationCanceledException>(() =>
            Cancelled(model, Short, worker, state, stop)));
        Assert.HasCount(3, faults);
        Assert.AreEqual(1, state.Writes, "the first one alone writes");
        Assert.IsTrue(faults.All(fault => fault.Message.Contains($"after step {stop} of ", StringComparison.Ordinal)));
        Trained[] resumed = then == 1 ? [Train(model, Short, state)]
            : ThreadWorkers.Run(then, worker => Train(model, Short, worker, state));
        foreach (Trained one in resumed)
            AssertSame(alone, one);
    }

    [TestMethod]
    public void Train_CancelledInOneWorker_KeepsTheBestInAll()
    {
        using LanguageModel model = TinyTraining.Model();
        TrainingOptions options = Short with { WhenCancelled = CancellationBehavior.ReturnBest };
        Trained[] kept = ThreadWorkers.Run(2, worker => Cancelled(model, options, worker, new MemoryState(), stop: 5));
        Assert.IsTrue(kept.All(one => one.Summary is { End: TrainingEnd.Cancelled, Losses.Count: 5 }));
        AssertSame(kept[0], kept[1]);
    }

    [TestMethod]
    public void Train_FailedInOneWorker_EndsAllAndGoesOnFromTheState()
    {
        using LanguageModel model = TinyTraining.Model();
        TrainingOptions options = Short with { StateInterval = 2 };
        Trained alone = Train(model, options);
        var state = new MemoryState();
        Exception[] faults = ThreadWorkers.Fail(3, worker => Train(model, options, worker, state, step =>
        {
            if (worker.Rank == 1 && step == 3)
                throw new IOException("The disk is gone.");
        }));
        Assert.AreEqual("The disk is gone.", faults[1].Message);
        Assert.AreEqual(2, JsonNode.Parse(state.Content!.Json)!["State"]!["Steps"]!.AsArray().Count);
        foreach (Trained one in ThreadWorkers.Run(2, worker => Train(model, options, worker, state)))
            AssertSame(alone, one);
    }

    [TestMethod]
    public void Search_ByWorkers_FindsTheWordsOfOne()
    {
        using LanguageModel model = TinyTraining.Model();
        var request = new TriggerRequest
        {
            Start = [1, 4, 9, 11],
            FixedFront = 1,
            Allowed = [.. Enumerable.Range(10, 30)],
            Candidates = 5,
        };
        TrainingRun run = TinyTraining.Run(model, Short with { MaxSteps = 6 }) with { LearningRate = 0 };
        Trained alone = Trained.Search(run, request);
        foreach (Trained one in ThreadWorkers.Run(3, worker => Trained.Search(
            run with { Options = run.Options with { Workers = worker } }, request)))
        {
            CollectionAssert.AreEqual(alone.Words!.ToArray(), one.Words!.ToArray());
            AssertSame(alone, one);
        }
    }

    [TestMethod]
    [DataRow("BatchSize: worker 0 3, worker 1 4")]
    [DataRow("training rows' hash: worker 0 ")]
    [DataRow("WhenCancelled: worker 0 Throw, worker 1 ReturnBest")]
    public void Train_ByWorkersOfAnotherTraining_IsRefusedByName(string message)
    {
        using LanguageModel model = TinyTraining.Model();
        string[] faults = [.. ThreadWorkers.Fail(3, worker =>
        {
            TrainingOptions options = worker.Rank != 1 ? Short : message[0] switch
            {
                'B' => Short with { BatchSize = 4 },
                'W' => Short with { WhenCancelled = CancellationBehavior.ReturnBest },
                _ => Short,
            };
            TrainingRun run = TinyTraining.Run(model, options with { Workers = worker });
            using TrainedKeyValues direct = TinyTraining.Direct(model);
            Trained.By(worker.Rank == 1 && message[0] == 't'
                ? run with { Examples = [run.Examples[1], .. run.Examples.Skip(1)] } : run, direct);
        }).Select(fault => fault.Message)];
        // By every process: one of them may be the only one that is heard.
        foreach (string fault in faults)
            Assert.Contains($"found another one: {message}", fault);
    }

    [TestMethod]
    public void Train_ByAWorkerWithOtherNumbers_IsRefusedAtTheFirstStep()
    {
        using LanguageModel model = TinyTraining.Model();
        Exception[] faults = ThreadWorkers.Fail(3, worker =>
        {
            using TrainedKeyValues direct = TinyTraining.Direct(model);
            if (worker.Rank == 2)
            {
                using var scope = NewDisposeScope();
                Tensor numbers = direct.Parameters[0].Value.detach().view(-1);
                numbers[5] = numbers[5].nextafter(tensor(1f));
            }
            Trained.By(TinyTraining.Run(model, Short with { Workers = worker }), direct);
        });
        foreach (Exception fault in faults)
            Assert.Contains("found others in worker 2 than in worker 0: it rounds otherwise", fault.Message);
    }

    [TestMethod]
    public void Train_WithFewerPassesThanWorkers_SaysWhatHelps()
    {
        using LanguageModel model = TinyTraining.Model();
        var told = new List<string>();
        ThreadWorkers.Run(3, worker =>
        {
            using TrainedKeyValues direct = TinyTraining.Direct(model);
            return Trained.By(TinyTraining.Run(model, Short with { Workers = worker, MaxSteps = 4 }) with
            {
                Warn = worker.IsFirst ? told.Add : null,
            }, direct);
        });
        Assert.Contains("A step has 2 forward passes for 3 workers", told.Single());
    }

    [TestMethod]
    public void Options_OfFewerRowsThanWorkers_AreRefusedWithTheRemedy()
    {
        ThreadWorkers.Run(3, worker =>
        {
            TrainingOptions options = Short with { BatchSize = 1, Workers = worker };
            var fault = Assert.ThrowsExactly<ArgumentException>(() => Faults.Throw(options.Check));
            Assert.StartsWith("Workers: expected at most 2, the rows of a step (BatchSize x GradientAccumulation; raise"
                + " GradientAccumulation), found 3.", fault.Message);
            Faults.Throw((options with { GradientAccumulation = 3 }).Check);
            return true;
        });
    }

    [TestMethod]
    public void Parts_OfUnequalSizes_AreDealtEvenly()
    {
        long[] sizes = [5, 1, 9, 2, 2, 8, 7];
        var parts = new SharedParts(sizes, 3);
        int[] all = [.. Enumerable.Range(0, 3).SelectMany(parts.Of).Order()];
        CollectionAssert.AreEqual(Enumerable.Range(0, sizes.Length).ToArray(), all);
        long[] loads = [.. Enumerable.Range(0, 3).Select(rank => parts.Of(rank).Sum(part => sizes[part]))];
        Assert.IsLessThanOrEqualTo(12L, loads.Max());
        for (int part = 0; part < sizes.Length; part++)
            Assert.AreEqual(part, parts.Of(parts.Owners[part])[parts.Slot(part)]);
        Assert.AreEqual(parts.Slots, Enumerable.Range(0, 3).Max(rank => parts.Of(rank).Count));
    }

    private static void AssertSame(Trained wanted, Trained found)
    {
        CollectionAssert.AreEqual(TinyTraining.Values(wanted.Best), TinyTraining.Values(found.Best));
        CollectionAssert.AreEqual(wanted.Steps.ToArray(), found.Steps.ToArray());
        TrainingSummary one = wanted.Summary, other = found.Summary;
        CollectionAssert.AreEqual(one.ValidationLosses.ToArray(), other.ValidationLosses.ToArray());
        Assert.AreEqual((one.End, one.BestStep, one.BestLoss, one.StartLoss, one.BaseLoss, one.Tokens, one.Epochs),
            (other.End, other.BestStep, other.BestLoss, other.StartLoss, other.BaseLoss, other.Tokens, other.Epochs));
        CollectionAssert.AreEqual(wanted.Warnings.ToArray(), found.Warnings.ToArray());
    }

    // A training's clock has no part in its result.
    private static string Timeless(MemoryState state)
    {
        JsonNode json = JsonNode.Parse(state.Content!.Json)!;
        json["State"]!["Seconds"] = 0;
        return json.ToJsonString();
    }

    private static Trained Cancelled(LanguageModel model, TrainingOptions options, ThreadWorkers worker,
        MemoryState state, int stop)
    {
        using var cancel = new CancellationTokenSource();
        TrainingOptions own = options with { CancellationToken = worker.Rank == 1 ? cancel.Token : default };
        return Train(model, own, worker, state, step =>
        {
            if (worker.Rank == 1 && step == stop)
                cancel.Cancel();
        });
    }

    private static Trained Train(LanguageModel model, TrainingOptions options, ThreadWorkers worker,
        MemoryState? state = null, Action<int>? afterStep = null) =>
        Train(model, options with { Workers = worker }, worker.IsFirst || state is null ? state : new NotMine(),
            afterStep);

    // A network with dropout: its random numbers must not depend on who works.
    private static Trained Train(LanguageModel model, TrainingOptions options, ITrainingStateFile? state = null,
        Action<int>? afterStep = null)
    {
        using var network = new TrainedResidualMlp(TinyTraining.Start(model, PrefixStart.DefaultText),
            new PrefixNetworkShape(Hidden: 6, Dropout: 0.2), 5, CPU);
        return Trained.By(TinyTraining.Run(model, options) with
        {
            State = state,
            LearningRate = 0.01,
            Validation = TinyTraining.Rows(7, seed: 5),
            Progress = progress => afterStep?.Invoke(progress.Step),
        }, network);
    }

    /// <summary>The state file of a worker that is not the first: nobody looks at it.</summary>
    private sealed class NotMine : ITrainingStateFile
    {
        public string Path => "memory";

        public void Probe() => throw new InvalidOperationException("the first worker's");

        public StateContent? Read() => throw new InvalidOperationException("the first worker's");

        public void Write(StateContent content) => throw new InvalidOperationException("the first worker's");
    }
}
