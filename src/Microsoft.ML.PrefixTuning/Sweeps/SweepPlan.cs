using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Sweeps;

/// <summary>The runs of a sweep, in their order, and when they are compared.</summary>
/// <param name="Candidates">What is compared.</param>
/// <param name="Seeds">Seeds of each.</param>
/// <param name="Halving">How those behind stop; null for not at all.</param>
internal sealed record SweepPlan(IReadOnlyList<SweepCandidate> Candidates, IReadOnlyList<int> Seeds,
    SuccessiveHalving? Halving)
{
    /// <summary>All runs, none of them begun.</summary>
    public IReadOnlyList<SweepRun> Runs { get; } =
    [
        .. from candidate in Enumerable.Range(0, Candidates.Count)
           let code = OptionCode.Of(Candidates[candidate].Options)
           from seed in Enumerable.Range(0, Seeds.Count)
           select new SweepRun
           {
               Number = candidate * Seeds.Count + seed + 1,
               Name = Candidates[candidate].Name,
               Settings = Candidates[candidate].Settings,
               Code = code,
               Seed = Seeds[seed],
           },
    ];

    /// <summary>Epochs after which runs are compared, rising; null stands for the end, and is the last.</summary>
    public IReadOnlyList<int?> Rungs { get; } = [.. RungsOf(Candidates, Halving), null];

    /// <summary>The candidate of a run.</summary>
    public SweepCandidate CandidateOf(SweepRun run) => Candidates[IndexOf(run)];

    /// <summary>Place of a run's candidate.</summary>
    public int IndexOf(SweepRun run) => (run.Number - 1) / Seeds.Count;

    /// <summary>Epochs that a run takes from one rung to the next, at most.</summary>
    public int Epochs(SweepRun run, int rung)
    {
        int all = CandidateOf(run).Options.Training.MaxEpochs;
        int before = rung == 0 ? 0 : Rungs[rung - 1]!.Value, after = Rungs[rung] ?? all;
        return Math.Max(0, Math.Min(all, after) - Math.Min(all, before));
    }

    /// <summary>How many of some candidates go on.</summary>
    public int Kept(int count) => Halving is null ? count : (count + Halving.Factor - 1) / Halving.Factor;

    /// <summary>
    /// The loss by which a run is compared after some epochs: the best held-out one up to there, whatever came after.
    /// </summary>
    public static double LossAfter(SweepRun run, int epochs) => run.HeldOutLosses.Take(epochs + 1)
        .Select(point => point.Loss).Where(double.IsFinite).DefaultIfEmpty(double.PositiveInfinity).Min();

    private static IEnumerable<int?> RungsOf(IReadOnlyList<SweepCandidate> candidates, SuccessiveHalving? halving)
    {
        int longest = candidates.Max(candidate => candidate.Options.Training.MaxEpochs), left = candidates.Count;
        for (long epochs = halving?.FirstEpochs ?? longest; epochs < longest && left > 1; epochs *= halving!.Factor)
        {
            yield return (int)epochs;
            left = (left + halving!.Factor - 1) / halving.Factor;
        }
    }
}
