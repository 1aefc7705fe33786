using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// Whether a training fits into memory, and how: told, or refused, before the first step. What it decides changes no
/// number.
/// </summary>
/// <param name="run">Base, rows, options, memory that is free.</param>
/// <param name="plan">The passes of each step.</param>
/// <param name="prefixLength">P.</param>
/// <param name="recalls">Whether heads have a memory outside of the softmax.</param>
internal sealed class MemoryPlan(TrainingRun run, TrainingPlan plan, int prefixLength, bool recalls = false)
{
    // An estimate is right within a quarter (docs/performance.md): what needs less than is free may need more. Layers
    // are run twice then, and what has no other way is warned of: as well it may fit.
    private const double Margin = 1.25;

    // Rows whose passes are looked at, those of the first epoch in any case.
    private const long MostRows = 1L << 20;

    private Pass[]? _passes;

    private Pass[] All => _passes ??= [.. Passes()];

    private Pass LargestKept => All.MaxBy(pass => Need(pass, recomputes: false))!;

    private bool IsOnProcessor => run.Model.Device.type == DeviceType.CPU;

    // A GPU's memory is not the heap's.
    private LargeBlocks? Blocks => IsOnProcessor ? run.Blocks : null;

    /// <summary>
    /// Bytes of this machine's memory that are free; null where it is not known, as of a GPU's. Where they may be too
    /// few, what former trainings of this process left behind is given back first.
    /// </summary>
    public long? FindFree()
    {
        if (!IsOnProcessor || run.FreeMemory is not { } ask || ask() is not { } free)
            return null;
        bool isEnough = Need(LargestKept, recomputes: false) * Margin <= free / run.Share.Count;
        return !isEnough && run.GiveBack?.Invoke() == true ? ask() : free;
    }

    /// <summary>Whether layers are run a second time for their gradient.</summary>
    /// <param name="free">Bytes that this process may take; null where it is not known.</param>
    /// <exception cref="InvalidOperationException">The largest pass does not fit, by the estimate.</exception>
    public bool Decide(long? free)
    {
        Pass ofKept = LargestKept;
        bool recomputes = run.Options.Recompute == Recomputation.Always
            || (run.Options.Recompute == Recomputation.Automatic && Need(ofKept, recomputes: false) * Margin > free);
        Pass largest = recomputes ? All.MaxBy(pass => Need(pass, recomputes: true))! : ofKept;
        double need = Need(largest, recomputes);
        if (need > free)
            throw new InvalidOperationException(Refusal(largest, recomputes, free.Value));
        if (need * Margin > free)
            run.Warn?.Invoke(Caution(largest, recomputes, free.Value));
        string passed = recomputes ? "Layers are run a second time for their gradient"
                + (run.Options.Recompute == Recomputation.Always ? "."
                    : $"; kept, they would need {Bytes(Need(ofKept, recomputes: false))}.")
            : "Layers are kept for their gradient.";
        run.Say?.Invoke($"The largest pass has {Shape(largest)} and needs about {Bytes(need)} of memory beside the"
            + $" {Bytes(Environment.WorkingSet)} that the process holds{(free is { } left
                ? $"; {Bytes(left)} are {Whose}" : "")}. {passed}");
        return recomputes;
    }

    /// <summary>
    /// Behind the decision for layers that are run twice, in each process: has large blocks of memory go back to the
    /// system, where its host offers it. A third of the need or more lies between them otherwise.
    /// </summary>
    public void SpareHoles() => Blocks?.Return();

    private string Whose => run.Share.Count == 1 ? "free" : "free for each process";

    private double Need(Pass pass, bool recomputes) =>
        Need(pass, recomputes, run.Model.Type, run.Model.IsStored);

    private double Need(Pass pass, bool recomputes, ScalarType type, bool isStored)
    {
        bool areReturned = recomputes ? Blocks?.CanBeReturned == true : Blocks?.AreReturned == true;
        var memory = new PassMemory(run.Model.Spec, type, prefixLength, isStored, areReturned, recalls);
        return pass.HasGradient ? memory.Of(pass.Rows, recomputes, PackingOf(pass)) : memory.OfReading(pass.Rows);
    }

    /// <summary>What rows of a pass have in common: in those of validation each reads its source itself.</summary>
    private RowPacking PackingOf(Pass pass) => pass.HasGradient ? run.Packing : RowPacking.None;

    /// <summary>The passes of the steps, and those of validation, whose rows may be longer.</summary>
    private IEnumerable<Pass> Passes()
    {
        long epochs = Math.Max(1, MostRows / run.Examples.Count);
        int steps = (int)Math.Min(plan.TotalSteps, epochs * plan.StepsAnEpoch);
        return Enumerable.Range(0, steps).SelectMany(plan.Rows).Select(rows => new Pass(rows, HasGradient: true))
            .Concat(BatchPlan.Sorted(run.Validation, run.Options.BatchSize)
                .SelectMany(batch => BatchPlan.Passes(batch.Select(row => run.Validation[row]),
                    run.Options.MaxTokensPerPass))
                .Select(rows => new Pass(rows, HasGradient: false)));
    }

    private string Refusal(Pass pass, bool recomputes, long free) =>
        $"Training: {Demand(pass, recomputes)}: expected at most the {Bytes(free)} that are {Whose}."
            + $" {LessNeed(pass, recomputes)}";

    private string Caution(Pass pass, bool recomputes, long free) =>
        $"Training may run out of memory: {Demand(pass, recomputes)}, {Bytes(free)} are {Whose}, and the estimate may"
            + $" be a quarter too low. {LessNeed(pass, recomputes)}";

    private string Demand(Pass pass, bool recomputes) =>
        $"the largest pass has {Shape(pass)} and needs about {Bytes(Need(pass, recomputes))} of memory beside the"
            + $" {Bytes(Environment.WorkingSet)} that the process holds";

    private string LessNeed(Pass pass, bool recomputes)
    {
        double need = Need(pass, recomputes);
        TrainingExample longest = pass.Rows.MaxBy(row => row.Tokens)!;
        bool isWide = run.Model.Type == ScalarType.Float32 && !run.Model.IsStored;
        var ways = new List<string>();
        if (!recomputes)
            Offer("TrainingOptions.Recompute Always", Need(pass, recomputes: true));
        if (pass.Rows.Length > 1)
        {
            Offer($"TrainingOptions.MaxTokensPerPass {longest.Tokens} or BatchSize 1",
                Need(pass with { Rows = [longest] }, recomputes));
        }
        if (isWide)
        {
            Offer("PrefixTuningOptions.Precision BFloat16", Need(pass, recomputes, ScalarType.BFloat16, false),
                ", beside half of the base");
            // Takes more for a pass, and what a base has in fewer bits than float32 is no longer held.
            ways.Add("PrefixTuningOptions.Precision AsStored"
                + $" (about {Bytes(Need(pass, recomputes, ScalarType.Float32, true))}, beside the base in the bits of"
                + " its file)");
        }
        ways.Add($"shorter rows; {longest.Place} has {longest.Tokens} tokens");
        return $"Less need: {string.Join(", ", ways)}.";

        void Offer(string way, double bytes, string beside = "")
        {
            if (bytes < need)
                ways.Add($"{way} (about {Bytes(bytes)}{beside})");
        }
    }

    private string Shape(Pass pass)
    {
        RowPack[] packs = RowPack.Of(pass.Rows, PackingOf(pass));
        string sources = packs.Length == pass.Rows.Length ? "" : $" of {Count(packs.Length, "source")}";
        return $"{Count(pass.Rows.Length, "row")}{sources} of up to"
            + FormattableString.Invariant($" {packs.Max(pack => pack.Tokens)} tokens")
            + (pass.HasGradient ? "" : ", for validation,");
    }

    private static string Count(int number, string what) =>
        FormattableString.Invariant($"{number} {what}{(number == 1 ? "" : "s")}");

    private static string Bytes(double bytes) => FormattableString.Invariant($"{bytes / 1e9:F2} GB");

    private sealed record Pass(TrainingExample[] Rows, bool HasGradient);
}
