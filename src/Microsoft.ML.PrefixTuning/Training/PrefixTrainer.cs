using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// The one loop: batches, step, mean, validation, report, saved state, whatever the learner moves.
/// </summary>
internal sealed class PrefixTrainer : IDisposable
{
    // Without validation rows, start and base are compared over so many batches of the training rows.
    private const int SampleBatches = 2;

    private readonly Learner _learner;
    private readonly TrainingRun _run;
    private readonly TrainingPlan _plan;
    private readonly ParameterMean _mean;
    private readonly StateKeeper _keeper;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly double _secondsBefore;
    private readonly TrainingState _state = new();
    private readonly IReadOnlyDictionary<string, StateTensor> _start;
    private IReadOnlyDictionary<string, StateTensor> _best;

    private PrefixTrainer(Learner learner)
    {
        (_learner, _run, _plan) = (learner, learner.Run, new TrainingPlan(learner.Run, learner.ValidationInterval));
        _keeper = new StateKeeper(learner);
        _mean = new ParameterMean(learner.Parameters, _run.Options.Averaging, _run.Options.AveragingGrowth);
        try
        {
            _best = _start = learner.Keep() ?? throw new InvalidOperationException(
                "Training starts from numbers that are not finite: expected finite ones. Choose another start.");
            _run.Share.Agree(() => TrainingSignature.OfWorker(learner));
            if (_keeper.Read(_mean.State, _best) is { } saved)
            {
                (_state, _best) = saved;
                _run.Say?.Invoke(ResumeMessage.Of(_state.Steps.Count, _plan.TotalSteps, _state.End is not null,
                    _run.State!.Path));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
        _secondsBefore = _state.Seconds;
    }

    /// <summary>The rows at which start and base are measured.</summary>
    private IReadOnlyList<TrainingExample> Measured => _run.Validation.Count > 0 ? _run.Validation
        : [.. _run.Examples.Take((int)Math.Min(int.MaxValue, (long)SampleBatches * _run.Options.BatchSize))];

    private double Seconds => _secondsBefore + _clock.Elapsed.TotalSeconds;

    /// <summary>
    /// Trains until all steps are done, the validation loss no longer falls, steps fail, or the caller cancels.
    /// </summary>
    /// <param name="learner">
    /// What is moved; stays the caller's. It ends where the last step left it: what is kept is told.
    /// </param>
    /// <exception cref="InvalidOperationException">
    /// No step was finite, or a saved state belongs to another run.
    /// </exception>
    /// <exception cref="OperationCanceledException">
    /// The run was cancelled and does not ask for the best so far.
    /// </exception>
    /// <exception cref="IOException">The state file cannot be written.</exception>
    public static TrainingOutcome Train(Learner learner)
    {
        if (learner.Run.Share.IsFirst)
            learner.Run.State?.Probe();
        using var trainer = new PrefixTrainer(learner);
        return trainer.Train();
    }

    public void Dispose() => _mean.Dispose();

    private TrainingOutcome Train()
    {
        foreach (string caution in TrainingMessages.Cautions(_learner, _plan))
            _run.Warn?.Invoke(caution);
        try
        {
            _state.End ??= Loop();
        }
        catch (OperationCanceledException exception) when (_run.Share.IsKnown(exception))
        {
            SaveLast();
            if (_run.Options.WhenCancelled == CancellationBehavior.Throw)
                throw new OperationCanceledException(CancelMessage(), exception, exception.CancellationToken);
            return Outcome(TrainingEnd.Cancelled);
        }
        SaveLast();
        TrainingEnd end = _state.End.Value;
        if (end == TrainingEnd.Diverged && _state.LastGoodStep == 0)
            throw new InvalidOperationException(TrainingMessages.Failure(_state, _plan));
        return Outcome(end);
    }

    private TrainingEnd Loop()
    {
        if (_state.Steps.Count < _plan.TotalSteps)
            _learner.Prepare(_plan);
        if (_state.StartLoss is null)
            MeasureStart();
        int before = _state.Steps.Count;
        TimeSpan start = _clock.Elapsed;
        while (true)
        {
            // First, for a run that was stopped between a step and its validation.
            ValidateIfDue();
            if (_state.IsStopDue(_run.Options.EarlyStopping, _plan))
                return TrainingEnd.EarlyStopping;
            if (_state.Steps.Count == _plan.TotalSteps)
                return TrainingEnd.Completed;
            TakeStep();
            if (_state.FailedInARow() >= _run.Options.MaxFailedSteps)
                return TrainingEnd.Diverged;
            ValidateIfDue();
            Report((_clock.Elapsed - start) / (_state.Steps.Count - before));
            if (_state.Steps.Count % _run.Options.StateInterval == 0)
                Save();
        }
    }

    private void TakeStep()
    {
        int step = _state.Steps.Count;
        StepResult result = WithMemory(() => _learner.Take(_plan, step, _state.Updates),
            () => [.. _plan.Rows(step).SelectMany(batch => batch)]);
        _state.Add(result);
        if (result.HasMoved)
            _mean.Take(_state.Updates);
        if (!result.Record.Failed && _run.Validation.Count == 0)
            KeepIfFinite(_state.LastGoodStep);
    }

    private void MeasureStart()
    {
        double ofBase = WithMemory(() => _learner.BaseLoss(Measured), () => Measured);
        double start = MeanLoss(Measured, _run.ThrowIfCancelled);
        if (_run.Validation.Count > 0)
            _state.Validations.Add(new ValidationLoss(0, start));
        (_state.BaseLoss, _state.StartLoss) = (ofBase, start);
    }

    private void ValidateIfDue()
    {
        int steps = _state.Steps.Count;
        if (_run.Validation.Count == 0 || !_plan.IsValidationDue(steps) || _state.Validations[^1].Step == steps)
            return;
        double loss = MeanLoss(_run.Validation, _run.ThrowIfCancelled);
        if (_state.IsBest(loss))
            KeepIfFinite(steps);
        _state.Validations.Add(new ValidationLoss(steps, loss));
    }

    private double MeanLoss(IReadOnlyList<TrainingExample> rows, Action checkAlive) =>
        WithMemory(() => _mean.InPlace(() => _learner.MeanLoss(rows, checkAlive)), () => rows);

    /// <summary>Works on rows; where memory does not suffice, says for which of them.</summary>
    private T WithMemory<T>(Func<T> work, Func<IReadOnlyList<TrainingExample>> rows)
    {
        try
        {
            return work();
        }
        catch (Exception fault) when (MemoryFault.Is(fault))
        {
            throw new InvalidOperationException(TrainingMessages.Memory(rows(), _run.Options, fault), fault);
        }
    }

    /// <summary>
    /// Sees to it that nothing worse than the start is given, whatever ended training: also what was learned since,
    /// where no validation followed it, is measured before it is given. That is not called off: it may be why training
    /// ended.
    /// </summary>
    /// <returns>The loss of what is given, over the rows at which the start was measured.</returns>
    private double Settle()
    {
        if (_state.StartLoss is not double start)
            return double.NaN;
        bool isValidated = _run.Validation.Count > 0;
        if (isValidated && _state.Validations.Count > 1)
            return _state.Validations.Last(point => point.Step == _state.BestStep).Loss;
        int last = _state.LastGoodStep;
        if (last == 0)
            return start;
        double loss = MeanLoss(Measured, () => { });
        bool isBetter = double.IsFinite(loss) && !(loss > start);
        if (isValidated)
            _state.Validations.Add(new ValidationLoss(last, loss));
        if (isBetter)
            KeepIfFinite(last);
        else
            (_best, _state.BestStep) = (_start, 0);
        return _state.BestStep == 0 ? start : loss;
    }

    private void KeepIfFinite(int step)
    {
        if (_mean.InPlace(_learner.Keep) is { } finite)
            (_best, _state.BestStep) = (finite, step);
    }

    /// <param name="ofStep">
    /// Mean time of the steps of this process: what was measured before the first one, and the pace of the machine that
    /// a resumed run began on, say nothing of the steps to come.
    /// </param>
    private void Report(TimeSpan ofStep)
    {
        int steps = _state.Steps.Count;
        StepRecord last = _state.Steps[^1];
        _run.Progress?.Invoke(new TrainingProgress(_plan.Epoch(steps - 1) + 1, steps, _plan.TotalSteps, last.Loss,
            _state.Validations.Count > 0 ? _state.Validations[^1].Loss : null, last.LearningRate,
            _state.Tokens / Seconds, ofStep * (_plan.TotalSteps - steps)));
    }

    private void Save()
    {
        _state.Seconds = Seconds;
        _keeper.Write(_state, _mean.State, _best);
    }

    /// <summary>Saves; no process ends, and takes others with it, before the state is there.</summary>
    private void SaveLast()
    {
        Save();
        _run.Share.Wait();
    }

    private string CancelMessage() => $"Training was cancelled after step {_state.Steps.Count} of {_plan.TotalSteps};"
        + $" the best prefix so far (step {_state.BestStep}) {_keeper.Place}";

    private TrainingOutcome Outcome(TrainingEnd end)
    {
        double kept = Settle();
        return new TrainingOutcome
        {
            Kept = _best,
            Steps = _state.Steps,
            PaddingShare = _state.Places == 0 ? 0 : 1 - (double)_state.Tokens / _state.Places,
            Summary = Summary(end),
            Warnings = [.. TrainingMessages.Findings(_run, _state, end, kept)],
        };
    }

    private TrainingSummary Summary(TrainingEnd end) => new()
    {
        Losses = [.. _state.Steps.Select(step => step.Loss)],
        LearningRates = [.. _state.Steps.Select(step => step.LearningRate)],
        ValidationLosses = [.. _state.Validations],
        StartLoss = _state.StartLoss ?? double.NaN,
        BaseLoss = _state.StartLoss is null ? double.NaN : _state.BaseLoss,
        BestStep = _state.BestStep,
        BestLoss = _state.Validations.LastOrDefault(point => point.Step == _state.BestStep)?.Loss,
        FailedSteps = _state.Steps.Count(step => step.Failed),
        Epochs = _state.Steps.Count == 0 ? 0 : _plan.Epoch(_state.Steps.Count - 1) + 1,
        End = end,
        TrainingRows = _run.Examples.Count,
        ValidationRows = _run.Validation.Count,
        Seed = _run.Seed,
        Tokens = _state.Tokens,
        Duration = TimeSpan.FromSeconds(Seconds),
        MaxTokensPerPass = _run.Options.MaxTokensPerPass,
        SharedSources = _run.Options.SharedSources,
        Recomputed = _learner.Recomputes,
        TrainedParameters = _learner.TrainedCount,
        StoredParameters = _best.Values.Sum(tensor => (long)tensor.Values.Length),
    };
}
