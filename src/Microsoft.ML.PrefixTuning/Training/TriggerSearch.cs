using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// Searches for words that make the base write the targets (AutoPrompt; Shin et al. 2020, §2.2; HotFlip's first-order
/// change): each step looks at one place of the prompt. For decoder-only models.
/// </summary>
internal sealed class TriggerSearch
{
    // Beside the ends of epochs: a search has few steps, and is often stopped by hand.
    private const int ValidationInterval = 20;

    private readonly TrainingRun _run;
    private readonly TriggerRequest _request;
    private readonly TrainingPlan _plan;
    private readonly TrainingState _state = new();
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private int[] _words;
    private int[] _best;

    private TriggerSearch(TrainingRun run, TriggerRequest request)
    {
        (_run, _request, _plan) = (run, request, new TrainingPlan(run));
        _words = _best = request.Start;
    }

    /// <summary>
    /// Searches until all steps are done, the validation loss no longer falls, or the caller cancels.
    /// </summary>
    /// <param name="run">Base, rows and options; its parametrisation says what the prefix does to the tokens.</param>
    /// <param name="request">Where the search starts and what it may try.</param>
    /// <exception cref="OperationCanceledException">
    /// The run was cancelled and does not ask for the best words so far.
    /// </exception>
    public static TrainingOutcome Run(TrainingRun run, TriggerRequest request)
    {
        var search = new TriggerSearch(run, request);
        try
        {
            return search.Outcome(search.Loop());
        }
        catch (OperationCanceledException exception)
        {
            if (run.Options.WhenCancelled == CancellationBehavior.ReturnBest)
                return search.Outcome(StopReason.Cancelled);
            throw new OperationCanceledException(
                $"The search for trigger words was cancelled after step {search._state.Steps.Count} of"
                    + $" {search._plan.TotalSteps}.",
                exception, exception.CancellationToken);
        }
    }

    private StopReason Loop()
    {
        MeasureStart();
        while (_state.Steps.Count < _plan.TotalSteps)
        {
            TakeStep(_state.Steps.Count);
            if (_state.FailedInARow() >= _run.Options.MaxFailedSteps)
                return StopReason.FailedSteps;
            ValidateIfDue();
            Report();
            if (_state.IsStopDue(_run.Options.EarlyStopping, _plan))
                return StopReason.EarlyStopping;
        }
        return StopReason.Finished;
    }

    private void MeasureStart()
    {
        IReadOnlyList<TrainingExample> rows = _run.Validation.Count > 0 ? _run.Validation : Rows(0);
        _state.BaseLoss = PrefixScorer.BaseLoss(_run, rows);
        _state.StartLoss = Loss(_words, rows);
        if (_run.Validation.Count > 0)
            _state.Validations.Add(new ValidationRecord(0, _state.StartLoss.Value));
    }

    private void TakeStep(int step)
    {
        _run.ThrowIfCancelled();
        TrainingExample[] rows = Rows(step), others = Rows((step + 1) % _plan.TotalSteps);
        int place = Place(step);
        (StepRecord record, int[] candidates) = Candidates(rows, place);
        if (!record.Failed)
            _words = Best(others, place, candidates);
        if (_run.Validation.Count == 0)
            (_best, _state.BestStep) = (_words, step + 1);
        _state.Tokens += Tokens(rows) + (candidates.Length + 1L) * Tokens(others);
        _state.Steps.Add(record);
    }

    /// <summary>
    /// The words after a step: what looks best on one batch must be better on another (§2.2: candidates are evaluated
    /// on a new batch).
    /// </summary>
    private int[] Best(TrainingExample[] rows, int place, int[] candidates)
    {
        int[] best = _words;
        double least = Loss(best, rows);
        foreach (int candidate in candidates)
        {
            int[] tried = [.. _words];
            tried[place] = candidate;
            double loss = Loss(tried, rows);
            if (loss < least)
                (least, best) = (loss, tried);
        }
        return best;
    }

    private int Place(int step) => _request.FixedFront
        + new SeededRandom(_run.Seed, RandomPurpose.Search, step).Below(_words.Length - _request.FixedFront);

    /// <summary>
    /// The words of one place by which the loss would fall most, were it a linear function of the embedding.
    /// </summary>
    private (StepRecord Record, int[] Words) Candidates(TrainingExample[] rows, int place)
    {
        using var scope = NewDisposeScope();
        using var gradientsOn = enable_grad();
        Tensor embedded = Embedded(_words).requires_grad_();
        Tensor prefix = Prefix(embedded);
        (double sum, Tensor ofPrefix) = WithGradient(rows, prefix.detach().requires_grad_());
        Tensor gradient = autograd.grad([prefix], [embedded], [ofPrefix])[0];        // [1, P, E]
        using var noGradient = no_grad();
        int tokens = rows.Sum(row => TargetStates.Count(_run.Model, row));
        double norm = AdamW.Norm([gradient]) / tokens;
        Tensor allowed = tensor(Array.ConvertAll(_request.Allowed, id => (long)id), device: _run.Model.Device).clone();
        Tensor changes = _run.Model.Weights.Embedding.matmul(gradient[0, place]).index_select(0, allowed);
        // One more than wanted, for the word that is there may be among them.
        int count = Math.Min(_request.Candidates + 1, _request.Allowed.Length);
        long[] places = changes.topk(count, largest: false).indexes.cpu().data<long>().ToArray();
        int[] words = [.. places.Select(index => _request.Allowed[index]).Where(id => id != _words[place])
            .Take(_request.Candidates)];
        return (new StepRecord(sum / tokens, norm, 0), words);
    }

    /// <summary>
    /// The objective's sum over rows and its gradient with respect to the prefix; the memory is that of a micro-batch.
    /// </summary>
    private (double Sum, Tensor Gradient) WithGradient(TrainingExample[] rows, Tensor prefix)
    {
        double sum = 0;
        Tensor gradient = zeros_like(prefix, ScalarType.Float32);
        foreach (TrainingExample[] batch in rows.Chunk(_run.Options.BatchSize))
        {
            _run.ThrowIfCancelled();
            using var scope = NewDisposeScope();
            TargetStates states = TargetStates.Make(_run.Model, batch,
                _run.PrefixOf([AttentionSite.Decoder], [prefix], batch));
            (double part, Tensor ofHidden) = _run.Objective.WithGradient(_run.Model, states, batch);
            sum += part;
            gradient.PlusInPlace(autograd.grad([states.Hidden], [prefix], [ofHidden])[0]);
        }
        return (sum, gradient.to(prefix.dtype));
    }

    private double Loss(int[] words, IReadOnlyList<TrainingExample> rows)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        return PrefixScorer.MeanLoss(_run, rows, Sites(Embedded(words)));
    }

    private Tensor Embedded(int[] words) => TrainedEmbeddings.EmbeddingsOf(_run.Model, words).unsqueeze(0);

    private Dictionary<AttentionSite, Tensor> Sites(Tensor embedded) =>
        new() { [AttentionSite.Decoder] = Prefix(embedded) };

    private Tensor Prefix(Tensor embedded) => KeyValueCapture.OfPrompt(_run.Model, embedded).to(_run.Model.Type);

    /// <summary>The rows of a step that have something to predict.</summary>
    private TrainingExample[] Rows(int step) =>
        _plan.MicroBatches(step).SelectMany(batch => batch).Select(row => _run.Examples[row])
        .Where(row => TargetStates.Count(_run.Model, row) > 0).ToArray();

    private void ValidateIfDue()
    {
        int steps = _state.Steps.Count;
        if (_run.Validation.Count == 0 || !(_plan.IsValidationDue(steps) || steps % ValidationInterval == 0))
            return;
        double loss = Loss(_words, _run.Validation);
        if (_state.IsBest(loss))
            (_best, _state.BestStep) = (_words, steps);
        _state.Validations.Add(new ValidationRecord(steps, loss));
    }

    private void Report()
    {
        int steps = _state.Steps.Count;
        double seconds = _clock.Elapsed.TotalSeconds;
        _run.Progress?.Invoke(new TrainingProgress(_plan.Epoch(steps - 1) + 1, steps, _plan.TotalSteps,
            _state.Steps[^1].Loss,
            _state.Validations.Count > 0 ? _state.Validations[^1].Loss : null, 0, _state.Tokens / seconds,
            TimeSpan.FromSeconds(seconds / steps * (_plan.TotalSteps - steps))));
    }

    private TrainingOutcome Outcome(StopReason reason)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        return new TrainingOutcome
        {
            Prefixes = [_run.Parametrization.Bake(Sites(Embedded(_best))
                .ToDictionary(site => site.Key, site => site.Value.to(ScalarType.Float32)))],
            TriggerWords = _best[_request.FixedFront..],
            Steps = _state.Steps,
            Validations = _state.Validations,
            StartLoss = _state.StartLoss ?? double.NaN,
            BaseLoss = _state.StartLoss is null ? double.NaN : _state.BaseLoss,
            BestStep = _state.BestStep,
            Epochs = _state.Steps.Count == 0 ? 0 : _plan.Epoch(_state.Steps.Count - 1) + 1,
            Tokens = _state.Tokens,
            PaddingShare = 0,
            Seconds = _clock.Elapsed.TotalSeconds,
            Reason = reason,
            Warnings = reason == StopReason.FailedSteps
                ? [$"The search stopped after step {_state.Steps.Count}, for {_run.Options.MaxFailedSteps} steps in a"
                    + " row were not finite."] : [],
        };
    }

    private static long Tokens(TrainingExample[] rows) => rows.Sum(row => (long)row.Tokens);
}

/// <summary>Where a search for words starts and what it may try.</summary>
internal sealed record TriggerRequest
{
    /// <summary>P tokens to start from.</summary>
    public required int[] Start { get; init; }

    /// <summary>Tokens in front that stay: 1 where the begin token is part of the prompt. Below P.</summary>
    public required int FixedFront { get; init; }

    /// <summary>Tokens that are words.</summary>
    public required int[] Allowed { get; init; }

    /// <summary>Words tried a step.</summary>
    public required int Candidates { get; init; }
}
