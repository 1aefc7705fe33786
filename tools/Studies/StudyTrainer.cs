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
/// <param name="own">What is measured of other things than texts for the test rows.</param>
internal sealed class StudyTrainer(MLContext context, IDataView trainSet, PrefixSweep sweep,
    IReadOnlyDictionary<string, Baseline> baselines, StudyMeasures? own = null) : ISweepTrainer, IDisposable
{
    private readonly PrefixSweepTrainer _prefixes = new(context, trainSet,
        sweep with { OwnMeasures = own is null ? null : own.Of });

    private readonly BaselineTrainer _others = new(context, trainSet, sweep) { Other = own?.Other };

    public IEnumerable<NamedValue> Identity => [.. _prefixes.Identity, .. own?.Identity ?? []];

    public SweepOutcome Train(SweepJob job) => baselines.TryGetValue(job.Candidate.Name, out Baseline? baseline)
        ? _others.Train(job, baseline) : _prefixes.Train(job);

    public void Dispose() => _prefixes.Dispose();
}
