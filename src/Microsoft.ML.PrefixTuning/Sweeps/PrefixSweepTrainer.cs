using System;
using System.Collections.Generic;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Threading;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.PrefixTuning.Sweeps;

/// <summary>
/// Trains prefixes. Holds a share of the base in each number type and on each device that was asked for, so that every
/// run finds it loaded.
/// </summary>
/// <param name="context">Makes the estimators.</param>
/// <param name="trainSet">The training rows.</param>
/// <param name="sweep">Columns, rows and base.</param>
internal sealed class PrefixSweepTrainer(MLContext context, IDataView trainSet, PrefixSweep sweep) : ISweepTrainer,
    IDisposable
{
    // Folders of before have no word of rules; these are the last ones that made such.
    private const int UnnamedRules = 3;

    private readonly IHost _host =
        MlNetInternals.GetEnvironment(context.Transforms.Text).Register(nameof(PrefixSweepTrainer));
    private readonly Dictionary<(UsedPrecision, string?), BaseLease> _leases = [];

    public IEnumerable<NamedValue> Identity =>
    [
        NamedValue.Named("columns", $"{sweep.OutputColumnName}, {sweep.InputColumnName}, {sweep.LabelColumnName}"
            .ReplaceLineEndings(" ")),
        NamedValue.Named("rows", HashOf(trainSet)),
        NamedValue.Named("validation rows", sweep.ValidationSet is { } held ? HashOf(held) : null),
        NamedValue.Named("test rows", sweep.TestSet is { } test ? HashOf(test) : null),
        NamedValue.Named("measures", sweep.TestSet is null ? null
            : $"{sweep.Evaluation}, parts of {sweep.TestPartColumnName ?? "nothing"}".ReplaceLineEndings(" ")),
        NamedValue.Named("texts", $"{sweep.TextCount}"),
        NamedValue.Named("base", Hex(Encoding.UTF8.GetBytes(Base.Identity.Values.ToString()))),
        // Where the base's texts are read otherwise since then: runs of both would be compared.
        NamedValue.Unless(UnnamedRules, "text rules", PrefixRules.FirstAlike(Base, UnnamedRules)),
    ];

    private FrozenBase Base => Acquire(sweep.Candidates[0].Options).Base;

    public SweepOutcome Train(SweepJob job)
    {
        using var pause = CancellationTokenSource.CreateLinkedTokenSource(job.CancellationToken);
        PrefixTuningOptions options = OptionsOf(job, pause);
        Acquire(options);
        IDataView rows = job.Candidate.Rows is int count ? RowSubset.Draw(trainSet, count, job.Seed) : trainSet;
        using PrefixTuningTransformer model = context.Transforms.Text.PrefixTune(sweep.OutputColumnName,
            sweep.InputColumnName, sweep.LabelColumnName, sweep.BaseModel, options).Fit(rows);
        TrainingSummary summary = model.TrainingSummary!;
        // A training that was called off is no rest, whoever did so.
        BaseLoader.CheckOf(_host, job.CancellationToken)();
        var outcome = new SweepOutcome(summary)
        {
            Precision = UsedPrecision.Of(options.Precision).OfTraining.Products,
            StoredBytes = summary.StoredParameters * sizeof(float),
        };
        if (summary.BestLoss is null)
            throw NothingHeldOut();
        if (outcome.IsPaused)
            return outcome;
        context.Model.SaveAtomically(model, sweep.SavedSchema ?? trainSet.Schema, job.ModelFile);
        outcome = outcome with { HasModel = true };
        outcome = Cancelling.By(job.CancellationToken.ThrowIfCancellationRequested,
            () => SweepWriting.Write(context, sweep, model, rows, outcome));
        return outcome with { Measures = outcome.Measures.Concat(Own(model)).ToDictionary() };
    }

    public void Dispose()
    {
        foreach (BaseLease lease in _leases.Values)
            lease.Dispose();
    }

    /// <summary>Measures that are not those of its texts.</summary>
    private IEnumerable<KeyValuePair<string, double>> Own(PrefixTuningTransformer model)
    {
        IEnumerable<KeyValuePair<string, double>> others = sweep.OwnMeasures?.Invoke(model).AsEnumerable() ?? [];
        return model.TrainingSummary?.Drift is { } drift
            ? others.Prepend(KeyValuePair.Create("drift", drift.Increase)) : others;
    }

    private PrefixTuningOptions OptionsOf(SweepJob job, CancellationTokenSource pause)
    {
        PrefixTuningOptions options = job.Candidate.Options;
        return options with
        {
            ValidationSet = sweep.ValidationSet,
            Training = options.Training with
            {
                Seed = job.Seed,
                StateFile = options.Prefix.Method is TextMethod ? null : job.StateFile,
                WhenCancelled = CancellationBehavior.ReturnBest,
                CancellationToken = pause.Token,
                Progress = Watch,
            },
        };

        void Watch(TrainingProgress progress)
        {
            job.Progress?.Invoke(progress);
            if (progress.ValidationLoss is null)
                throw NothingHeldOut();
            // The first step beyond: what is compared was validated at the end of the epoch before it.
            if (progress.Epoch > job.Epochs)
                pause.Cancel();
        }
    }

    private BaseLease Acquire(PrefixTuningOptions options)
    {
        var precision = UsedPrecision.Of(options.Precision);
        (UsedPrecision, string?) key = (precision, options.Device);
        if (!_leases.TryGetValue(key, out BaseLease? lease))
        {
            lease = BaseLoader.AcquireForTraining(_host, sweep.BaseModel, precision, options.Device,
                sweep.CancellationToken);
            _leases.Add(key, lease);
        }
        return lease;
    }

    /// <summary>A hash over the texts of all text columns.</summary>
    private static string HashOf(IDataView view)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        DataViewSchema.Column[] columns = [.. view.Schema.Where(column => ColumnTexts.Has(column.Type))];
        hash.AppendData(Encoding.UTF8.GetBytes(string.Join('\n', columns.Select(column => column.Name))));
        using DataViewRowCursor cursor = view.GetRowCursor(columns);
        Func<string[]>[] readers = [.. columns.Select(column => ColumnTexts.GetReader(cursor, column))];
        while (cursor.MoveNext())
        {
            foreach (Func<string[]> read in readers)
                hash.AppendData(Encoding.UTF8.GetBytes($"\0{string.Join('\u0001', read())}"));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static InvalidOperationException NothingHeldOut() => new(
        "No row was held out, and the loss of such rows is what runs are compared by. Give a ValidationSet or a"
            + " larger ValidationFraction.");
}
