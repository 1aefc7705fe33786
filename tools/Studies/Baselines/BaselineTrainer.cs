using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.SmallBart.Training;
using Microsoft.ML.PrefixTuning.Sweeps;
using Microsoft.ML.PrefixTuning.Training;

namespace Microsoft.ML.PrefixTuning.Studies.Baselines;

/// <summary>
/// Trains what a prefix is compared with: the rows, batches, loss, rate's schedule, mean over the steps and held-out
/// choice are those of a prefix with the same options.
/// </summary>
/// <param name="context">Measures.</param>
/// <param name="trainSet">The training rows.</param>
/// <param name="sweep">Columns, rows and base.</param>
internal sealed class BaselineTrainer(MLContext context, IDataView trainSet, PrefixSweep sweep)
{
    // What more numbers move than this would write gigabytes of state: such a run begins anew.
    private const long MostKept = 20_000_000;

    /// <summary>What is measured of another task; null for nothing.</summary>
    public OtherTask? Other { get; init; }

    /// <summary>Trains one run.</summary>
    public SweepOutcome Train(SweepJob job, Baseline baseline)
    {
        PrefixTuningOptions options = job.Candidate.Options;
        Check(job, options);
        UsedPrecision precision = UsedPrecision.Of(options.Precision).OfTraining;
        using BaseLease lease = BaseLoader.Acquire(sweep.BaseModel, precision, options.Device);
        using TunedWeights weights = baseline.Make(lease.Base.Model, job.Seed);
        IDataView rows = job.Candidate.Rows is int count ? RowSubset.Draw(trainSet, count, job.Seed) : trainSet;
        TrainingRun run = MakeRun(job, lease.Base, weights, rows) with
        {
            LearningRate = options.Training.LearningRate ?? baseline.Rate,
        };
        TrainingOutcome outcome;
        using (var learner = new WeightLearner(run, weights))
        {
            outcome = PrefixTrainer.Train(learner);
            learner.Restore(outcome.Kept);
        }
        long numbers = weights.Master.numel();
        var result = new SweepOutcome(outcome.Summary with { StoredParameters = numbers })
        {
            Precision = precision.Products,
            StoredBytes = numbers * sizeof(float),
        };
        var writer = new TunedWriter(lease.Base, weights.Model, options, sweep.InputColumnName);
        result = TestRows.Measure(context, sweep, TestRows.Read(sweep, sweep.TestSet ?? rows), writer, result);
        var measures = new Dictionary<string, double>(result.Measures);
        if (options.Training.DriftText is { } text)
        {
            measures["drift"] = new PlainTextDrift(lease.Base, text, prefixTokens: 0)
                .Measure(weights.Model, options.Training, run.ThrowIfCancelled).Increase;
        }
        if (Other is { } other)
            measures[OtherTask.Name] = other.Increase(lease.Base, weights.Model);
        return result with { Measures = measures };
    }

    private static void Check(SweepJob job, PrefixTuningOptions options)
    {
        if (job.Epochs is not null)
            throw new NotSupportedException("A baseline: expected no halving, found one.");
        TrainingOptions training = options.Training;
        if (training.LabelSmoothing != 0 || training.Loss != TrainingLoss.TokenMean)
        {
            throw new NotSupportedException("A baseline: expected the loss token-mean without label smoothing, found"
                + $" {training.Loss} with {training.LabelSmoothing}.");
        }
        if (training.Recompute == Recomputation.Always)
            throw new NotSupportedException("A baseline: expected layers that are kept, found Recompute Always.");
        if (training.PrefixDropout != 0)
        {
            throw new NotSupportedException(
                $"A baseline: expected no prefix whose positions are dropped, found {training.PrefixDropout} of them.");
        }
    }

    private TrainingRun MakeRun(SweepJob job, FrozenBase frozen, TunedWeights weights, IDataView rows)
    {
        PrefixTuningOptions options = job.Candidate.Options;
        var encoder = new RowEncoder(frozen.Tokenizer, frozen.Model.Spec, options.Template, sweep.InputColumnName,
            default);
        var reader = new RowReader(
            new FitColumns(sweep.OutputColumnName, sweep.InputColumnName, sweep.LabelColumnName), encoder,
            options.Training);
        List<TrainingExample> training = reader.Read(rows, isTraining: true, CheckAlive);
        List<TrainingExample> held;
        if (sweep.ValidationSet is { } view)
            held = reader.Read(view, isTraining: false, CheckAlive);
        else
        {
            HeldOutRows split = HeldOutRows.Choose(training, options.Training.ValidationFraction, job.Seed);
            (training, held) = (split.Training, split.HeldOut);
        }
        if (training.Count == 0 || held.Count == 0)
            throw new InvalidOperationException("Expected rows to train on and rows held out, found none.");
        return new TrainingRun
        {
            Model = weights.Model,
            Examples = training,
            Validation = held,
            Options = options.Training with { StateFile = null, WhenCancelled = CancellationBehavior.Throw },
            Seed = job.Seed,
            LearningRate = 0,
            Opening = new Opening(frozen.Tokenizer, frozen.Model.Spec).OfRow(isHeld: false),
            Base = frozen.Identity,
            State = weights.Master.numel() > MostKept ? null : new TrainingStateFile(job.StateFile),
            Progress = job.Progress,
            CheckAlive = CheckAlive,
        };

        void CheckAlive()
        {
            MlNetInternals.CheckAlive(MlNetInternals.GetEnvironment(context.Transforms.Text));
            job.CancellationToken.ThrowIfCancellationRequested();
        }
    }
}
