using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Sweeps;

namespace Microsoft.ML;

/// <summary>Comparisons of trainings as an operation of <c>mlContext.TextGeneration</c>.</summary>
public static class SweepCatalog
{
    /// <summary>
    /// Trains all candidates with all seeds, chooses by the loss of rows held out, and writes into the sweep's folder a
    /// JSON line a run (<c>runs.jsonl</c>), a page (<c>report.html</c>) and the best model (<c>best.zip</c>). A run
    /// that fails does not end the others. A folder that has a part of it already is gone on with.
    /// </summary>
    /// <remarks>With a shard only that part is run; <see cref="SweepResults.Merge"/> joins the parts.</remarks>
    /// <param name="catalog">The catalog <c>mlContext.TextGeneration</c>.</param>
    /// <param name="trainSet">The training rows; the same ones at every pass.</param>
    /// <param name="sweep">What is compared.</param>
    /// <exception cref="ArgumentException">
    /// A member has no good value; the message names each one. Or a column is missing, or a candidate asks for more
    /// rows than there are.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// The folder has the results of another sweep, or files of the same names that are no sweep's.
    /// </exception>
    /// <exception cref="IOException">
    /// The folder cannot be written, or that of METEOR's word lists has none of the files.
    /// </exception>
    /// <exception cref="OperationCanceledException">
    /// It or the context was cancelled; the same call goes on, in a context that was not.
    /// </exception>
    /// <example>
    /// <code>
    /// SweepResults results = mlContext.TextGeneration.Sweep(rows, new PrefixSweep
    /// {
    ///     OutputColumnName = "Description", InputColumnName = "Facts", LabelColumnName = "Reference",
    ///     BaseModel = SmolLM2.Instruct135M, Folder = "lengths", Seeds = [1, 2, 3],
    ///     Candidates = [.. from length in new[] { 5, 10, 20 } select new SweepCandidate($"{length} tokens",
    ///         new PrefixTuningOptions { Prefix = new PrefixOptions { Length = length } })],
    /// });
    /// </code>
    /// </example>
    public static SweepResults Sweep(this TextGenerationCatalog catalog, IDataView trainSet, PrefixSweep sweep)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(trainSet);
        ArgumentNullException.ThrowIfNull(sweep);
        Faults.Throw(sweep.Check);
        sweep.CheckRows(trainSet);
        using var trainer = new PrefixSweepTrainer(catalog.Context, trainSet, sweep);
        return Run(sweep, trainer);
    }

    /// <summary>The same with what another trainer trains.</summary>
    internal static SweepResults Run(PrefixSweep sweep, ISweepTrainer trainer)
    {
        var plan = new SweepPlan(sweep.Candidates, sweep.Seeds, sweep.Halving);
        SweepFolder folder = SweepFolder.Make(sweep.Folder, new SweepManifest
        {
            Identity = new NamedValues(trainer.Identity).ToString(),
            Seeds = sweep.Seeds,
            Halving = sweep.Halving,
            Candidates = [.. sweep.Candidates.Select(ManifestCandidate.Of)],
        });
        IReadOnlyList<SweepRun> runs =
            SweepEngine.Run(plan, folder, trainer, sweep.Shard, sweep.Progress, sweep.CancellationToken);
        var results = new SweepResults(folder, runs);
        if (sweep.Shard is null)
            results.Write();
        return results;
    }
}
