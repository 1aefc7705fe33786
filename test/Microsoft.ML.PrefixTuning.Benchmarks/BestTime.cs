using System;
using System.Diagnostics;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>How long something takes at its best.</summary>
internal static class BestTime
{
    private const int Most = 50, Least = 3;

    // Enough repetitions for short things, few for long ones.
    private const double Budget = 0.4;

    /// <summary>Seconds of the fastest run, the first one not counted. What it makes ends with it.</summary>
    public static double Of(Action action)
    {
        double best = double.MaxValue, spent = 0;
        for (int run = 0; run < Least || (run < Most && spent < Budget); run++)
        {
            using var scope = NewDisposeScope();
            long start = Stopwatch.GetTimestamp();
            action();
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            spent += seconds;
            if (run > 0)
                best = Math.Min(best, seconds);
        }
        return best;
    }
}
