using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// Which rows each step takes and at which rate: known before training, a function of the step alone.
/// </summary>
internal sealed class TrainingPlan
{
    // A warmup that nobody asked for takes at most so many steps, and at most this part of all: short runs learn, too.
    private const int LongestDefaultWarmup = 10;
    private const int DefaultWarmupParts = 10;

    private readonly BatchOrder _order;
    private readonly IReadOnlyList<TrainingExample> _examples;
    private readonly int _accumulation;
    private readonly int _mostTokens;
    private readonly RowPacking _packing;
    private readonly int? _interval;
    private int[][] _batches;
    private int _epoch;

    /// <summary>Plans a run.</summary>
    /// <param name="run">Rows and options.</param>
    /// <param name="validationInterval">Steps between validations within an epoch; null for none.</param>
    public TrainingPlan(TrainingRun run, int? validationInterval = null)
    {
        (_examples, _interval) = (run.Examples, validationInterval);
        TrainingOptions options = run.Options;
        _order = run.Order ?? (epoch => options.SharedSources
            ? BatchPlan.ShuffledBySource(run.Examples, options.BatchSize, run.Seed, epoch)
            : BatchPlan.Shuffled(run.Examples, options.BatchSize, run.Seed, epoch));
        (_accumulation, _mostTokens, _packing) = (options.GradientAccumulation, options.MaxTokensPerPass, run.Packing);
        _batches = _order(0);
        StepsAnEpoch = (int)((_batches.Length + (long)_accumulation - 1) / _accumulation);
        long all = (long)StepsAnEpoch * options.MaxEpochs;
        TotalSteps = (int)Math.Min(all, options.MaxSteps ?? int.MaxValue);
        int warmup = options.WarmupSteps ?? Math.Min(LongestDefaultWarmup, TotalSteps / DefaultWarmupParts);
        Schedule = new LearningRateSchedule(run.LearningRate, warmup, TotalSteps, options.Decay);
    }

    /// <summary>Steps of one epoch.</summary>
    public int StepsAnEpoch { get; }

    /// <summary>Steps in all, if nothing stops earlier.</summary>
    public int TotalSteps { get; }

    /// <summary>The learning rates.</summary>
    public LearningRateSchedule Schedule { get; }

    /// <summary>Epoch of a step, both from 0.</summary>
    public int Epoch(int step) => step / StepsAnEpoch;

    /// <summary>Whether an epoch ends after so many steps, or training: only then does early stopping count.</summary>
    public bool IsEpochEnd(int steps) => steps % StepsAnEpoch == 0 || steps == TotalSteps;

    /// <summary>
    /// Whether the rows are validated after so many steps: before the first, after every epoch, after the last.
    /// </summary>
    public bool IsValidationDue(int steps) => IsEpochEnd(steps) || steps % _interval == 0;

    /// <summary>The forward passes of a step.</summary>
    /// <param name="step">Step, from 0.</param>
    public IReadOnlyList<TrainingExample[]> Rows(int step)
    {
        int epoch = Epoch(step);
        if (epoch != _epoch)
            (_batches, _epoch) = (_order(epoch), epoch);
        return [.. _batches.Skip(step % StepsAnEpoch * _accumulation).Take(_accumulation)
            .SelectMany(batch => BatchPlan.Passes(batch.Select(row => _examples[row]), _mostTokens, _packing))];
    }
}
