using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Reports;
using Microsoft.ML.PrefixTuning.Sweeps;

namespace Microsoft.ML.PrefixTuning;

/// <summary>What came of a sweep.</summary>
public sealed class SweepResults
{
    private readonly SweepFolder _folder;

    internal SweepResults(SweepFolder folder, IReadOnlyList<SweepRun> runs)
    {
        (_folder, Runs) = (folder, runs);
        Candidates = SweepRanking.Of(folder.Manifest, runs);
    }

    /// <summary>The sweep's folder.</summary>
    public string Folder => _folder.Path;

    /// <summary>All runs in their order; those that were not run yet say so.</summary>
    public IReadOnlyList<SweepRun> Runs { get; }

    /// <summary>The candidates, the best first; those that were not trained to their end behind the others.</summary>
    public IReadOnlyList<SweepCandidateResult> Candidates { get; }

    /// <summary>The best run of the best candidate; null where no run was done.</summary>
    public SweepRun? Best => Candidates.FirstOrDefault()?.BestRun;

    /// <summary>File of the best model; null where it was not written.</summary>
    public string? BestModel { get; private set; }

    /// <summary>What a reader of the table should know, a sentence each.</summary>
    public IReadOnlyList<string> Notes => [.. SweepRanking.Notes(Candidates, Runs)];

    /// <summary>
    /// Joins what several processes left in one folder, each with its <see cref="PrefixSweep.Shard"/>, and writes what
    /// a sweep writes at its end.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="FileNotFoundException">It is no sweep's.</exception>
    /// <exception cref="InvalidOperationException">Runs are missing; the message names them.</exception>
    public static SweepResults Merge(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return Join(SweepFolder.Open(folder));
    }

    /// <summary>Does the same with the folder of a sweep that is known.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="plan">The runs that it should have.</param>
    /// <exception cref="FileNotFoundException">It is no sweep's.</exception>
    /// <exception cref="InvalidOperationException">It is another sweep's, or runs are missing.</exception>
    internal static SweepResults MergePlanned(string folder, SweepPlan plan)
    {
        SweepFolder opened = SweepFolder.Open(folder);
        opened.Check(plan);
        return Join(opened);
    }

    private static SweepResults Join(SweepFolder opened)
    {
        SweepRun[] runs = [.. opened.Manifest.Runs.Select(opened.Read)];
        int[] missing = [.. runs.Where(run => run.Status is SweepRunStatus.Waiting or SweepRunStatus.Paused)
            .Select(run => run.Number)];
        if (missing.Length > 0)
        {
            throw new InvalidOperationException($"'{opened.Path}': expected the results of {runs.Length} runs, found"
                + $" {runs.Length - missing.Length}; missing: {string.Join(", ", missing)}.");
        }
        var results = new SweepResults(opened, runs);
        results.Write();
        return results;
    }

    /// <summary>Writes lines, page and best model.</summary>
    internal void Write() =>
        BestModel = _folder.WriteResults(Runs, HtmlReport.Write(SweepReport.Of(this, _folder.Manifest)), Best);
}

/// <summary>A candidate over its seeds.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Settings">What distinguishes it, by name.</param>
/// <param name="Runs">Its runs.</param>
public sealed record SweepCandidateResult(string Name, IReadOnlyDictionary<string, string> Settings,
    IReadOnlyList<SweepRun> Runs)
{
    /// <summary>
    /// Held-out loss over the runs that are done, or stopped where none is; null where there is none.
    /// </summary>
    public SweepFigure? HeldOutLoss { get; internal init; }

    /// <summary>Measures over the runs that are done, by name.</summary>
    public IReadOnlyDictionary<string, SweepFigure> Measures { get; internal init; } =
        new Dictionary<string, SweepFigure>();

    /// <summary>
    /// Whether the difference of its held-out loss to the best candidate's is within the spread over the seeds; false
    /// for the best one, and where the spread is not known.
    /// </summary>
    public bool IsWithinSpread { get; internal init; }

    /// <summary>The options as C#.</summary>
    public required string Code { get; init; }

    /// <summary>The command that trains it, without its seed; null where there is none.</summary>
    public string? Command { get; init; }

    /// <summary>Its best run; null where none is done.</summary>
    public SweepRun? BestRun => Runs.Where(run => run.Status == SweepRunStatus.Done)
        .MinBy(run => run.HeldOutLoss is double loss && !double.IsNaN(loss) ? loss : double.PositiveInfinity);
}

/// <summary>A figure over several seeds.</summary>
/// <param name="Mean">The mean.</param>
/// <param name="Spread">The standard deviation of the sample; null for one seed.</param>
/// <param name="Count">Seeds.</param>
public sealed record SweepFigure(double Mean, double? Spread, int Count)
{
    internal static SweepFigure? Of(IEnumerable<double> values)
    {
        double[] known = [.. values.Where(double.IsFinite)];
        if (known.Length == 0)
            return null;
        double mean = known.Average();
        return new SweepFigure(mean, known.Length == 1 ? null
            : Math.Sqrt(known.Sum(value => (value - mean) * (value - mean)) / (known.Length - 1)), known.Length);
    }
}
