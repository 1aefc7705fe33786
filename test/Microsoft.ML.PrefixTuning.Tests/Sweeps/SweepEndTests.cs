using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Sweeps;

/// <summary>What ends a sweep and is no fault of the run that it ends: the same call goes on.</summary>
[TestClass]
public sealed class SweepEndTests
{
    private readonly TemporaryFolder _folder = new();

    [TestCleanup]
    public void DeleteFolder() => _folder.Dispose();

    [TestMethod]
    public void Sweep_WhoseContextIsCancelled_EndsAndGoesOnToTheSameRuns()
    {
        string[] expected = [.. Run(Halved("whole")).Runs.Select(Plain)];
        var context = new MLContext(seed: 1);
        PrefixSweep cut = Halved("cut") with
        {
            // Before there is a loss by which the last run can be compared.
            Progress = progress =>
            {
                if (progress is { Current.Number: 2, Training.Step: 1 })
                    HiddenMembers.CancelExecution(context);
            },
        };
        Assert.ThrowsExactly<OperationCanceledException>(() => Run(cut, context));
        CollectionAssert.AreEqual(expected, Run(Halved("cut")).Runs.Select(Plain).ToArray());
    }

    [TestMethod]
    public void Sweep_WhoseHandlerThrows_EndsWithThatAndFailsNoRun()
    {
        foreach (Exception fault in (Exception[])[new InvalidOperationException(), new OperationCanceledException()])
        {
            PrefixSweep cut = Sweep(fault.GetType().Name, 0.001) with
            {
                Progress = progress =>
                {
                    if (progress.Training?.Step == 2)
                        throw fault;
                },
            };
            Assert.AreSame(fault, Assert.Throws<Exception>(() => Run(cut)));
            Assert.IsFalse(File.Exists(Path.Combine(cut.Folder, "runs", "0001.json")));
            Assert.AreEqual(SweepRunStatus.Done, Run(cut with { Progress = null }).Runs[0].Status);
        }
    }

    [TestMethod]
    public void Sweep_CancelledWhileTextsAreWritten_EndsThereAndGoesOn()
    {
        using var cancellation = new CancellationTokenSource();
        bool isTrained = false;
        PrefixSweep cut = Sweep("writing", 0.001) with
        {
            TestSet = new MLContext().Data.LoadFromEnumerable(Rows()),
            CancellationToken = cancellation.Token,
            Progress = progress =>
                isTrained |= progress.Training is { } training && training.Step == training.TotalSteps,
        };
        Assert.ThrowsExactly<OperationCanceledException>(() => Run(cut));
        Assert.IsTrue(isTrained);
        PrefixSweep resumed = cut with
        {
            CancellationToken = default,
            Progress = progress => Assert.IsNull(progress.Training),
        };
        SweepRun run = Run(resumed).Runs[0];
        Assert.AreEqual((SweepRunStatus.Done, true), (run.Status, run.Measures.ContainsKey("BLEU")));

        IEnumerable<FaceRow> Rows()
        {
            if (isTrained)
                cancellation.Cancel();
            foreach (FaceRow row in TinyBase.Rows(3))
                yield return row;
        }
    }

    private PrefixSweep Halved(string folder) =>
        Sweep(folder, 0.0001, 0.5) with { Halving = new SuccessiveHalving { Factor = 2 } };

    private PrefixSweep Sweep(string folder, params double[] rates) => new()
    {
        OutputColumnName = "Output",
        InputColumnName = "Input",
        LabelColumnName = "Label",
        BaseModel = TinyBase.Llama,
        Candidates = [.. rates.Select(rate => new SweepCandidate($"rate {rate}", TinyBase.Quick with
        {
            Training = TinyBase.Quick.Training with
            {
                MaxSteps = null, MaxEpochs = 3, BatchSize = 8, LearningRate = rate, StateInterval = 1,
                ValidationFraction = 0.2,
            },
        }))],
        Folder = _folder[folder],
        TextCount = 1,
    };

    private static SweepResults Run(PrefixSweep sweep, MLContext? context = null)
    {
        context ??= new MLContext(seed: 1);
        return context.TextGeneration.Sweep(context.Data.LoadFromEnumerable(TinyBase.Rows(24)), sweep);
    }

    /// <summary>A run but for what its machine has a part in.</summary>
    private static string Plain(SweepRun run) => string.Join(' ', run.Number, run.Status, run.HeldOutLoss, run.Epochs,
        string.Join(',', run.Losses), string.Join(',', run.HeldOutLosses));
}
