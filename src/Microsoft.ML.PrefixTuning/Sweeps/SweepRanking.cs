using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Sweeps;

/// <summary>The order of candidates, and what it is worth.</summary>
internal static class SweepRanking
{
    /// <summary>
    /// The candidates, the best first. One whose seeds did not all come to their end stands behind those whose seeds
    /// did.
    /// </summary>
    public static IReadOnlyList<SweepCandidateResult> Of(SweepManifest manifest, IReadOnlyList<SweepRun> runs)
    {
        int seeds = manifest.Seeds.Count;
        SweepCandidateResult[] ranked =
        [
            .. manifest.Candidates.Select((candidate, place) =>
                    Make(candidate, [.. runs.Skip(place * seeds).Take(seeds)]))
                .OrderByDescending(one => one.Runs.Count(run => run.Status == SweepRunStatus.Done))
                // Of those that were stopped, the later the better.
                .ThenByDescending(one => one.BestRun is null ? one.Runs.Max(run => run.Epochs) : 0)
                .ThenBy(one => one.HeldOutLoss?.Mean ?? double.PositiveInfinity),
        ];
        return [.. ranked.Select(one => one with { IsWithinSpread = IsWithin(ranked[0], one) })];
    }

    /// <summary>What a reader should know.</summary>
    public static IEnumerable<string> Notes(IReadOnlyList<SweepCandidateResult> ranked, IReadOnlyList<SweepRun> runs)
    {
        int failed = runs.Count(run => run.Status == SweepRunStatus.Failed);
        int waiting = runs.Count(run => run.Status is SweepRunStatus.Waiting or SweepRunStatus.Paused);
        if (waiting > 0)
            yield return Text($"{waiting} of {runs.Count} runs were not run yet.");
        if (failed > 0)
        {
            yield return Text(
                $"{failed} of {runs.Count} runs failed; what is said of their candidates leaves them out.");
        }
        foreach (string note in SweepMeasures.NotesOf(runs))
            yield return note;
        if (ranked.Count < 2 || ranked[0].HeldOutLoss is not { } best)
            yield break;
        if (best.Spread is null)
        {
            yield return "With one seed no spread is known: differences may be chance.";
            yield break;
        }
        string[] within = [.. ranked.Where(one => one.IsWithinSpread).Select(one => one.Name)];
        if (within.Length > 0)
        {
            yield return $"Within the spread over the seeds of the best candidate, '{ranked[0].Name}': "
                + $"{string.Join(", ", within.Select(name => $"'{name}'"))}. Which of these is better is not shown.";
        }
    }

    private static SweepCandidateResult Make(ManifestCandidate candidate, SweepRun[] runs)
    {
        SweepRun[] done = [.. runs.Where(run => run.Status == SweepRunStatus.Done)];
        SweepRun[] compared = done.Length > 0 ? done
            : [.. runs.Where(run => run.Status is SweepRunStatus.Stopped or SweepRunStatus.Paused)];
        return new SweepCandidateResult(candidate.Name, candidate.Settings, runs)
        {
            Code = candidate.Code,
            Command = candidate.Command,
            HeldOutLoss = SweepFigure.Of(compared.Select(run => run.HeldOutLoss ?? double.NaN)),
            Measures = done.SelectMany(run => run.Measures).GroupBy(measure => measure.Key)
                .Select(group => (group.Key, Figure: SweepFigure.Of(group.Select(measure => measure.Value))))
                .Where(measure => measure.Figure is not null)
                .ToDictionary(measure => measure.Key, measure => measure.Figure!),
        };
    }

    // No further apart than the wider of the two spreads: a rule of thumb that needs no table.
    private static bool IsWithin(SweepCandidateResult best, SweepCandidateResult one)
    {
        if (one == best || best.HeldOutLoss is not { Spread: double ofBest } || one.BestRun is null
            || one.HeldOutLoss is not { Spread: double own })
            return false;
        return one.HeldOutLoss.Mean - best.HeldOutLoss.Mean <= Math.Max(ofBest, own);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
