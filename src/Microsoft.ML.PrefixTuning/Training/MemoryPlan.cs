using System;
using System.Collections.Generic;
using System.Linq;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// Whether a training fits into memory, and how: told, or refused, before the first step. What it decides changes no
/// number.
/// </summary>
/// <param name="run">Base, options, memory that is free.</param>
/// <param name="plan">The passes of each step.</param>
/// <param name="prefixLength">P.</param>
internal sealed class MemoryPlan(TrainingRun run, TrainingPlan plan, int prefixLength)
{
    // An estimate is right within a quarter (docs/performance.md).
    private const double Margin = 1.25;

    /// <summary>Whether layers are run a second time for their gradient.</summary>
    /// <exception cref="InvalidOperationException">The largest pass does not fit.</exception>
    public bool Decide()
    {
        TrainingExample[] kept = Largest(recomputes: false), rows = Largest(recomputes: true);
        double ofKept = Need(kept, recomputes: false), need = Need(rows, recomputes: true);
        // Only the processor's memory is known.
        long? free = run.Model.Device.type == DeviceType.CPU ? run.FreeMemory?.Invoke() : null;
        bool recomputes = run.Options.Recompute == Recomputation.Always
            || (run.Options.Recompute == Recomputation.Automatic && ofKept * Margin > free);
        (rows, need) = recomputes ? (rows, need) : (kept, ofKept);
        if (need > free)
            throw new InvalidOperationException(Refusal(rows, need, recomputes, free.Value));
        string passed = recomputes ? "Layers are run a second time for their gradient"
                + (run.Options.Recompute == Recomputation.Always ? "." : $"; kept, they would need {Bytes(ofKept)}.")
            : "Layers are kept for their gradient.";
        run.Say?.Invoke($"The largest pass has {Shape(rows)} and needs about {Bytes(need)} of memory beside the"
            + $" {Bytes(Environment.WorkingSet)} that the process holds{(free is { } left ? $"; {Bytes(left)} are free"
            : "")}. {passed}");
        return recomputes;
    }

    private double Need(IReadOnlyList<TrainingExample> rows, bool recomputes, ScalarType? type = null) =>
        new PassMemory(run.Model.Spec, type ?? run.Model.Type, prefixLength).Of(rows, recomputes, run.Packing);

    private TrainingExample[] Largest(bool recomputes) => Enumerable.Range(0, plan.StepsAnEpoch)
        .SelectMany(plan.Rows).MaxBy(rows => Need(rows, recomputes))!;

    private string Refusal(TrainingExample[] rows, double need, bool recomputes, long free)
    {
        TrainingExample longest = rows.MaxBy(row => row.Tokens)!;
        var ways = new List<string>();
        if (!recomputes)
            ways.Add($"TrainingOptions.Recompute Always (about {Bytes(Need(rows, recomputes: true))})");
        if (rows.Length > 1)
        {
            ways.Add($"TrainingOptions.MaxTokensPerPass {longest.Tokens} or BatchSize 1"
                + $" (about {Bytes(Need([longest], recomputes))})");
        }
        if (run.Model.Type == ScalarType.Float32)
        {
            ways.Add("PrefixTuningOptions.Precision BFloat16"
                + $" (about {Bytes(Need(rows, recomputes, ScalarType.BFloat16))})");
        }
        ways.Add($"shorter rows; {longest.Place} has {longest.Tokens} tokens");
        return $"Training: the largest pass has {Shape(rows)} and needs about {Bytes(need)} of memory beside the"
            + $" {Bytes(Environment.WorkingSet)} that the process holds: expected at most the {Bytes(free)} that are"
            + $" free. Less need: {string.Join(", ", ways)}.";
    }

    private string Shape(TrainingExample[] rows)
    {
        RowPack[] packs = RowPack.Of(rows, run.Packing);
        string sources = packs.Length == rows.Length ? "" : $" of {Count(packs.Length, "source")}";
        return $"{Count(rows.Length, "row")}{sources} of up to"
            + FormattableString.Invariant($" {packs.Max(pack => pack.Tokens)} tokens");
    }

    private static string Count(int number, string what) =>
        FormattableString.Invariant($"{number} {what}{(number == 1 ? "" : "s")}");

    private static string Bytes(double bytes) => FormattableString.Invariant($"{bytes / 1e9:F2} GB");
}
