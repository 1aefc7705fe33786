using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>
/// A training that keeps its state: stopped, gone on with, refused to another run, and where the state cannot be
/// written.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TrainingResumeTests
{
    [TestMethod]
    public void Train_StoppedAtAnyStepAndResumed_EqualsUninterrupted()
    {
        using LanguageModel model = TinyTraining.Model();
        TrainingOptions options = new()
        {
            MaxEpochs = 2,
            BatchSize = 4,
            WarmupSteps = 2,
            GradientAccumulation = 2,
            StateInterval = 1000,
            Averaging = 0.5,
            AveragingGrowth = 0.6,
            PrefixDropout = 0.2,
        };
        Trained whole = Train(model, options, null, int.MaxValue);
        for (int stop = 0; stop < whole.Steps.Count; stop++)
        {
            var state = new MemoryState();
            Assert.ThrowsExactly<OperationCanceledException>(() => Train(model, options, state, stop));
            Trained resumed = Train(model, options, state, int.MaxValue);
            CollectionAssert.AreEqual(TinyTraining.Values(whole.Best), TinyTraining.Values(resumed.Best),
                $"stopped after {stop}");
            CollectionAssert.AreEqual(whole.Steps.ToArray(), resumed.Steps.ToArray());
            TrainingSummary wanted = whole.Summary, found = resumed.Summary;
            CollectionAssert.AreEqual(wanted.ValidationLosses.ToArray(), found.ValidationLosses.ToArray());
            Assert.AreEqual((wanted.BestStep, wanted.StartLoss, wanted.BaseLoss, wanted.Tokens),
                (found.BestStep, found.StartLoss, found.BaseLoss, found.Tokens));
        }

        // A network with dropout: its random numbers must go on where they stopped.
        static Trained Train(LanguageModel model, TrainingOptions options, MemoryState? state, int stopAfter)
        {
            using var network = new TrainedResidualMlp(TinyTraining.Start(model, PrefixStart.DefaultText),
                new PrefixNetworkShape(Hidden: 6, Dropout: 0.2), 5, CPU);
            int passes = 0;
            return Trained.By(TinyTraining.Run(model, options) with
            {
                State = state,
                LearningRate = 0.01,
                Validation = TinyTraining.Rows(4, seed: 5),
                Progress = progress => passes = progress.Step,
                CheckAlive = () =>
                {
                    if (passes >= stopAfter || stopAfter == 0)
                        throw new OperationCanceledException();
                },
            }, network);
        }
    }

    [TestMethod]
    public void Train_OfAFinishedState_GivesTheOutcomeWithoutASingleStep()
    {
        using LanguageModel model = TinyTraining.Model();
        var state = new MemoryState();
        using TrainedKeyValues direct = TinyTraining.Direct(model), other = TinyTraining.Direct(model);
        Trained first = Trained.By(TinyTraining.Run(model) with { State = state }, direct);
        Trained second = Trained.By(TinyTraining.Run(model) with
        {
            State = state,
            CheckAlive = () => Assert.Fail("nothing is left to do"),
        }, other);
        CollectionAssert.AreEqual(TinyTraining.Values(first.Best), TinyTraining.Values(second.Best));
        Assert.AreEqual(TrainingEnd.Completed, second.Summary.End);
    }

    [TestMethod]
    [DataRow("base", "base.weights: saved 0000")]
    [DataRow("rows", "training rows: saved 20, given 19")]
    [DataRow("hash", "training rows' hash: saved ")]
    [DataRow("hash", "Rows are compared as tokens: PrefixTuningOptions.Template and TrainingOptions.Truncation count")]
    [DataRow("rate", "training: TrainingOptions.LearningRate: saved 0.05, given 0.06")]
    [DataRow("batch", "BatchSize: saved 4, given 5")]
    [DataRow("mean", "Averaging: saved nothing, given 0.5")]
    [DataRow("start", "start: saved text 1 2, given text 3")]
    [DataRow("seed", "Seed: saved 1, given 8")]
    [DataRow("stopping", "EarlyStopping.MinDelta: saved nothing, given 0.5")]
    [DataRow("attributes", "attribute values: saved [\"calm\",\"loud\"], given [\"calm\",\"sharp\"]")]
    [DataRow("decoder start", "decoder start: saved nothing, given 3")]
    public void Train_FromAStateOfAnotherRun_IsRefusedByField(string what, string message)
    {
        using LanguageModel model = TinyTraining.Model();
        var state = new MemoryState();
        using TrainedKeyValues direct = TinyTraining.Direct(model);
        TrainingRun run = TinyTraining.Run(model) with
        {
            State = state,
            StartIdentity = "text 1 2",
            GroupColumn = "Tone",
            GroupValues = ["calm", "loud"],
        };
        Trained.By(run, direct);
        using var withDecoderStart = new LanguageModel(
            model.Spec with { Tokens = model.Spec.Tokens with { DecoderStart = 3 } }, model.Weights);
        TrainingRun other = what switch
        {
            "base" => run with { Base = BaseIdentity.Of(model.Spec, new string('1', 64)) },
            "rows" => run with { Examples = [.. run.Examples.Skip(1)] },
            "hash" => run with { Examples = [run.Examples[1], .. run.Examples.Skip(1)] },
            "rate" => run with { LearningRate = 0.06 },
            "mean" => run with { Options = run.Options with { Averaging = 0.5 } },
            "start" => run with { StartIdentity = "text 3" },
            "batch" => run with { Options = run.Options with { BatchSize = 5 } },
            "stopping" => run with { Options = run.Options with { EarlyStopping = new() { MinDelta = 0.5 } } },
            "attributes" => run with { GroupValues = ["calm", "sharp"] },
            "decoder start" => run with { Model = withDecoderStart },
            _ => run with { Seed = 8 },
        };
        var fault = Assert.ThrowsExactly<InvalidOperationException>(() => Trained.By(other, direct));
        Assert.Contains(message, fault.Message);
        Assert.StartsWith("memory: ", fault.Message);
    }

    [TestMethod]
    public void Train_WhenTheStateCannotBeWritten_GoesOnAndSaysSo()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues direct = TinyTraining.Direct(model);
        var told = new List<(int Step, string Warning)>();
        int step = 0;
        TrainingRun run = TinyTraining.Run(model);
        run = run with
        {
            Options = run.Options with { StateInterval = 4 },
            State = new MemoryState { WriteFault = new IOException("No space left.") },
            Progress = progress => step = progress.Step,
            Warn = warning => told.Add((step, warning)),
        };
        Assert.AreEqual(TrainingEnd.Completed, Trained.By(run, direct).Summary.End);
        Assert.AreEqual((4, "After step 4 the state was not saved: No space left."), told.Single(),
            "at once, and once");
        run = run with { CheckAlive = () => throw new OperationCanceledException() };
        Assert.EndsWith("(step 0) was not kept: No space left.",
            Assert.ThrowsExactly<OperationCanceledException>(() => Trained.By(run, direct)).Message);
    }
}
