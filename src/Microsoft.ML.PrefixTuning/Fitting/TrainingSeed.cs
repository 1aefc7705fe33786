using System;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>The seed of everything random in a training.</summary>
/// <param name="Value">The seed.</param>
/// <param name="IsDrawn">Whether nobody gave it: then that of a state that is gone on with takes its place.</param>
internal readonly record struct TrainingSeed(int Value, bool IsDrawn)
{
    /// <summary>The seed that options or environment give, or else a new one.</summary>
    // Not from the host's generator: that one depends on which components were made before this one.
    public static TrainingSeed Of(TrainingOptions options, IHostEnvironment environment) =>
        (options.Seed ?? MlNetInternals.GetSeed(environment)) is int given ? new(given, IsDrawn: false)
        : new(Random.Shared.Next(), IsDrawn: true);

    /// <summary>The seed of a training that may go on from a state; the first process's.</summary>
    /// <param name="file">Where a state may be; null for nowhere.</param>
    /// <param name="share">The processes that train.</param>
    /// <exception cref="FormatException">The file is cut, altered or no state.</exception>
    /// <exception cref="NotSupportedException">The state is of another format.</exception>
    public int Resume(string? file, WorkShare share)
    {
        TrainingSeed own = this;
        return (int)share.OfFirst(() => own.Resume(file));
    }

    private int Resume(string? file)
    {
        if (!IsDrawn || file is null)
            return Value;
        var state = new TrainingStateFile(file);
        return state.Read() is { } content ? TrainingStateCodec.SeedOf(state.Path, content) : Value;
    }
}
