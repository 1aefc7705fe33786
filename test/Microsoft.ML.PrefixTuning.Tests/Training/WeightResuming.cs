using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>Trainings of weights that are stopped and go on.</summary>
internal static class WeightResuming
{
    private const int StopAfter = 4;

    /// <summary>Compares a training with one that was stopped and went on from its state.</summary>
    /// <param name="train">A training of the run that it is given a function to make.</param>
    public static void AssertEqualsUninterrupted(Func<Func<TrainingRun, TrainingRun>, TrainingOutcome> train)
    {
        TrainingOutcome whole = train(run => run);
        var state = new MemoryState();
        Assert.ThrowsExactly<OperationCanceledException>(() => train(run => Stopped(run with { State = state })));
        TrainingOutcome resumed = train(run => run with { State = state });
        CollectionAssert.AreEqual(whole.Steps.ToArray(), resumed.Steps.ToArray());
        CollectionAssert.AreEqual(whole.Kept["weights"].Values, resumed.Kept["weights"].Values);
    }

    private static TrainingRun Stopped(TrainingRun run)
    {
        int step = 0;
        return run with
        {
            Progress = progress => step = progress.Step,
            CheckAlive = () =>
            {
                if (step >= StopAfter)
                    throw new OperationCanceledException();
            },
        };
    }
}
