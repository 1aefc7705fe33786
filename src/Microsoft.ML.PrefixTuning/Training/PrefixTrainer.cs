using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>The one loop: batches, loss, step, validation, report, saved state.</summary>
internal sealed class PrefixTrainer : IDisposable
{
    // Without validation rows, start and base are compared over so many batches of the training rows.
    private const int SampleBatches = 2;

    private readonly TrainingRun _run;
    private readonly TrainingPlan _plan;
    private readonly AdamW _optimizer;
    private readonly ParameterMean _mean;
    private readonly TrainingStep _step;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly double _secondsBefore;
    private readonly TrainingState _state = new();
    private Prefix[] _best;
    private string? _saveFault;

    private PrefixTrainer(TrainingRun run)
    {
        (_run, _plan) = (run, new TrainingPlan(run));
        _optimizer = new AdamW(run.Parametrization.Parameters, run.Options);
        _mean = new ParameterMean(run.Parametrization.Parameters, run.Options.Averaging);
        _step = new TrainingStep(run, _optimizer);
        try
        {
            if (run.State?.Read() is { } content)
                (_state, _best) = TrainingStateCodec.Decode(run, content, Moved);
            else
                _best = Baked();
        }
        catch
        {
            Dispose();
            throw;
        }
        _optimizer.Updates = _state.Updates;
        _secondsBefore = _state.Seconds;
    }

    private IEnumerable<KeyValuePair<string, Tensor>> Moved => _optimizer.State.Concat(_mean.State);

    /// <summary>
    /// Trains until all steps are done, the validation loss no longer falls, steps fail, or the caller cancels.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// No step was finite, or a saved state belongs to another run.
    /// </exception>
    /// <exception cref="OperationCanceledException">
    /// The run was cancelled and does not ask for the best prefix so far.
    /// </exception>
    /// <exception cref="IOException">The state file cannot be written.</exception>
    public static TrainingOutcome Train(TrainingRun run)
    {
        run.State?.Probe();
        using var trainer = new PrefixTrainer(run);
        return trainer.Run();
    }

    public void Dispose()
    {
        _optimizer.Dispose();
        _mean.Dispose();
    }

    private TrainingOutcome Run()
    {
        try
        {
            _state.Reason ??= Loop();
        }
        catch (OperationCanceledException exception)
        {
            Save();
            if (_run.Options.WhenCancelled == CancellationBehavior.Throw)
                throw new OperationCanceledException(CancelMessage(), exception, exception.CancellationToken);
            KeepUnvalidated();
            return Outcome(StopReason.Cancelled);
        }
        Save();
        StopReason reason = _state.Reason.Value;
        if (reason == StopReason.FailedSteps && _state.Steps.All(step => step.Failed))
            throw new InvalidOperationException(FailureMessage());
        if (reason == StopReason.FailedSteps)
            KeepUnvalidated();
        return Outcome(reason);
    }

    private StopReason Loop()
    {
        if (_state.StartLoss is null)
            MeasureStart();
        int before = _state.Steps.Count;
        TimeSpan start = _clock.Elapsed;
        while (true)
        {
            // First, for a run that was stopped between a step and its validation.
            ValidateIfDue();
            if (_state.IsStopDue(_run.Options.EarlyStopping, _plan))
                return StopReason.EarlyStopping;
            if (_state.Steps.Count == _plan.TotalSteps)
                return StopReason.Finished;
            TakeStep();
            if (_state.FailedInARow() >= _run.Options.MaxFailedSteps)
                return StopReason.FailedSteps;
            ValidateIfDue();
            Report((_clock.Elapsed - start) / (_state.Steps.Count - before));
            if (_state.Steps.Count % _run.Options.StateInterval == 0)
                Save();
        }
    }

    private void TakeStep()
    {
        int step = _state.Steps.Count;
        TrainingExample[][] batches = _plan.MicroBatches(step)
            .Select(batch => batch.Select(row => _run.Examples[row]).ToArray()).ToArray();
        StepRecord record = _step.Take(batches, step, _plan.Schedule.At(step));
        _state.Steps.Add(record);
        _state.Updates = _optimizer.Updates;
        if (!record.Failed)
            _mean.Take(_optimizer.Updates);
        _state.Tokens += batches.Sum(batch => batch.Sum(row => (long)row.Tokens));
        _state.Places += batches.Sum(batch => (long)batch.Length * batch.Max(row => row.Tokens));
        if (!record.Failed && _run.Validation.Count == 0)
            KeepIfFinite();
    }

    private void MeasureStart()
    {
        IReadOnlyList<TrainingExample> rows = _run.Validation.Count > 0 ? _run.Validation
            : _run.Examples.Take(SampleBatches * _run.Options.BatchSize).ToArray();
        double ofBase = PrefixScorer.BaseLoss(_run, rows);
        double start = MeanLoss(rows);
        if (_run.Validation.Count > 0)
            _state.Validations.Add(new ValidationRecord(0, start));
        (_state.BaseLoss, _state.StartLoss) = (ofBase, start);
    }

    private void ValidateIfDue()
    {
        int steps = _state.Steps.Count;
        if (_run.Validation.Count == 0 || !_plan.IsValidationDue(steps) || _state.Validations[^1].Step == steps)
            return;
        double loss = MeanLoss(_run.Validation);
        if (_state.IsBest(loss))
            (_best, _state.BestStep) = (Baked(), steps);
        _state.Validations.Add(new ValidationRecord(steps, loss));
    }

    private double MeanLoss(IReadOnlyList<TrainingExample> rows) =>
        _mean.InPlace(() => PrefixScorer.MeanLoss(_run, rows, _run.Parametrization.Materialize()));

    /// <summary>A run that ends before its first validation gives what it has learned, not its start.</summary>
    private void KeepUnvalidated()
    {
        if (_run.Validation.Count > 0 && _state.Validations.Count <= 1 && _state.Steps.Exists(step => !step.Failed))
            KeepIfFinite();
    }

    private void KeepIfFinite()
    {
        Prefix[]? finite = _mean.InPlace(() =>
        {
            IReadOnlyDictionary<AttentionSite, Tensor> sites = _run.Parametrization.Materialize();
            return sites.Values.All(site => site.isfinite().all().ToBoolean()) ? Baked(sites) : null;
        });
        if (finite is not null)
            (_best, _state.BestStep) = (finite, _state.Steps.FindLastIndex(step => !step.Failed) + 1);
    }

    private Prefix[] Baked() => _mean.InPlace(() => Baked(_run.Parametrization.Materialize()));

    private Prefix[] Baked(IReadOnlyDictionary<AttentionSite, Tensor> sites) =>
        [.. Enumerable.Range(0, _run.Parametrization.Groups).Select(group => _run.Parametrization.Bake(sites, group))];

    /// <param name="ofStep">
    /// Mean time of the steps of this process: what was measured before the first one, and the pace of the machine that
    /// a resumed run began on, say nothing of the steps to come.
    /// </param>
    private void Report(TimeSpan ofStep)
    {
        if (_run.Progress is null)
            return;
        int steps = _state.Steps.Count;
        StepRecord last = _state.Steps[^1];
        _run.Progress(new TrainingProgress(_plan.Epoch(steps - 1) + 1, steps, _plan.TotalSteps, last.Loss,
            _state.Validations.Count > 0 ? _state.Validations[^1].Loss
                : null, last.LearningRate, _state.Tokens / Seconds(),
            ofStep * (_plan.TotalSteps - steps)));
    }

    /// <summary>Writes the state; training goes on where that fails, for the prefix is in memory.</summary>
    private void Save()
    {
        if (_run.State is null)
            return;
        _state.Seconds = Seconds();
        try
        {
            _run.State.Write(TrainingStateCodec.Encode(_run, _state, Moved, _best));
            _saveFault = null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Once a fault, not once an interval.
            if (_saveFault != exception.Message)
                _run.Warn?.Invoke($"After step {_state.Steps.Count} the state was not saved: {exception.Message}");
            _saveFault = exception.Message;
        }
    }

    private double Seconds() => _secondsBefore + _clock.Elapsed.TotalSeconds;

    private string CancelMessage()
    {
        string place = _run.State is null ? "was not kept, for TrainingOptions.StateFile is not set."
            : _saveFault is null ? $"is in '{_run.State.Path}'." : $"was not kept: {_saveFault}";
        return $"Training was cancelled after step {_state.Steps.Count} of {_plan.TotalSteps}; the best prefix so far"
            + $" (step {_state.BestStep}) {place}";
    }

    private string FailureMessage()
    {
        int last = _state.Steps.Count - 1;
        IEnumerable<long> rows = _plan.MicroBatches(last).SelectMany(batch => batch)
            .Select(row => _run.Examples[row].Row);
        return $"Training failed: step {last + 1} is not finite (loss {_state.Steps[last].Loss}, gradient norm"
            + $" {_state.Steps[last].GradientNorm}),"
            + $" as every step before it; learning rate {_state.Steps[last].LearningRate}, rows {string.Join(", ", rows)}."
            + " Expected a finite loss: look at these rows, or lower TrainingOptions.LearningRate.";
    }

    private TrainingOutcome Outcome(StopReason reason) => new()
    {
        Prefixes = _best,
        Steps = _state.Steps,
        Validations = _state.Validations,
        StartLoss = _state.StartLoss ?? double.NaN,
        BaseLoss = _state.StartLoss is null ? double.NaN : _state.BaseLoss,
        BestStep = _state.BestStep,
        Epochs = _state.Steps.Count == 0 ? 0 : _plan.Epoch(_state.Steps.Count - 1) + 1,
        Tokens = _state.Tokens,
        PaddingShare = _state.Places == 0 ? 0 : 1 - (double)_state.Tokens / _state.Places,
        Seconds = Seconds(),
        Reason = reason,
        Warnings = [.. Findings(reason)],
    };

    private IEnumerable<string> Findings(StopReason reason)
    {
        if (_state.StartLoss > _state.BaseLoss)
        {
            yield return
                $"The starting prefix makes the base worse: loss {_state.StartLoss:F3} with it, {_state.BaseLoss:F3}"
                    + " without."
                + " A start from text (PrefixStart.FromText) usually does not.";
        }
        int failed = _state.Steps.Count(step => step.Failed);
        if (failed > 0)
            yield return
                $"{failed} of {_state.Steps.Count} steps changed nothing, for loss or gradient was not finite.";
        if (reason == StopReason.FailedSteps)
            yield return
                $"Training stopped after step {_state.Steps.Count}, for {_run.Options.MaxFailedSteps} steps in a row"
                    + $" were not finite; the best prefix is that of step {_state.BestStep}.";
    }
}
