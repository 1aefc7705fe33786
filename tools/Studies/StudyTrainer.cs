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
/// <param name="automatic">
/// What <see cref="ModelPrecision.Automatic"/> is here: a processor may have bfloat16 and be slower with it. Null
/// leaves it to the processor's flags.
/// </param>
internal sealed class StudyTrainer(MLContext context, IDataView trainSet, PrefixSweep sweep,
    IReadOnlyDictionary<string, Baseline> baselines, StudyMeasures? own = null, ModelPrecision? automatic = null)
    : ISweepTrainer, IDisposable
{
    private readonly PrefixSweepTrainer _prefixes = new(context, trainSet,
        sweep with { OwnMeasures = own is null ? null : own.Of });

    private readonly BaselineTrainer _others = new(context, trainSet, sweep) { Other = own?.Other };

    public IEnumerable<NamedValue> Identity => [.. _prefixes.Identity, .. own?.Identity ?? []];

    public SweepOutcome Train(SweepJob job)
    {
        PrefixTuningOptions options = job.Candidate.Options;
        if (automatic is { } precision && options.Precision == ModelPrecision.Automatic)
            job = job with { Candidate = job.Candidate with { Options = options with { Precision = precision } } };
        return baselines.TryGetValue(job.Candidate.Name, out Baseline? baseline)
            ? _others.Train(job, baseline) : _prefixes.Train(job);
    }

    public void Dispose() => _prefixes.Dispose();
}
