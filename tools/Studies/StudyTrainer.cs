using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Studies.Baselines;
using Microsoft.ML.PrefixTuning.Sweeps;

namespace Microsoft.ML.PrefixTuning.Studies;

/// <summary>Trains prefixes as a sweep does, and what they are compared with. Owns its share of the base.</summary>
/// <param name="context">Makes the estimators.</param>
/// <param name="trainSet">The training rows.</param>
/// <param name="sweep">Columns, rows and base.</param>
/// <param name="baselines">What is no prefix, by the candidate's name.</param>
internal sealed class StudyTrainer(MLContext context, IDataView trainSet, PrefixSweep sweep,
    IReadOnlyDictionary<string, Baseline> baselines) : ISweepTrainer, IDisposable
{
    private readonly PrefixSweepTrainer _prefixes = new(context, trainSet, sweep);
    private readonly BaselineTrainer _others = new(context, trainSet, sweep);

    /// <summary>What judges texts, by which a folder of others is refused; null for nothing.</summary>
    public StudyJudgeFile? Judge { get; init; }

    public IEnumerable<NamedValue> Identity => [.. _prefixes.Identity, NamedValue.Named("judge", Judge?.Identity)];

    public SweepOutcome Train(SweepJob job) => baselines.TryGetValue(job.Candidate.Name, out Baseline? baseline)
        ? _others.Train(job, baseline) : _prefixes.Train(job);

    public void Dispose() => _prefixes.Dispose();
}
