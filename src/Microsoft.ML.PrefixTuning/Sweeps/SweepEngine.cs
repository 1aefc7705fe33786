using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Runtime.ExceptionServices;
using System.Threading;

namespace Microsoft.ML.PrefixTuning.Sweeps;

/// <summary>
/// Takes the runs of a sweep one after the other; what a folder has of them already is not done again.
/// </summary>
internal sealed class SweepEngine
{
    private readonly SweepPlan _plan;
    private readonly SweepFolder _folder;
    private readonly ISweepTrainer _trainer;
    private readonly Action<SweepProgress>? _progress;
    private readonly CancellationToken _cancellation;
    private readonly List<SweepRun> _runs;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private double _epochsTaken;
    // What the caller's own code threw.
    private Exception? _ofCaller;

    private SweepEngine(SweepPlan plan, SweepFolder folder, ISweepTrainer trainer,
        Action<SweepProgress>? progress, CancellationToken cancellation)
    {
        (_plan, _folder, _trainer) = (plan, folder, trainer);
        (_progress, _cancellation) = (progress, cancellation);
        _runs = [.. plan.Runs.Select(run => folder.Read(run))];
    }

    /// <summary>Runs all, or a part.</summary>
    /// <returns>All runs, also those of other parts as far as they are there.</returns>
    /// <exception cref="OperationCanceledException">The sweep was cancelled; the same call goes on.</exception>
    public static IReadOnlyList<SweepRun> Run(SweepPlan plan, SweepFolder folder, ISweepTrainer trainer,
        SweepShard? shard, Action<SweepProgress>? progress, CancellationToken cancellation)
    {
        var engine = new SweepEngine(plan, folder, trainer, progress, cancellation);
        engine.Run([.. Enumerable.Range(0, plan.Runs.Count)
            .Where(place => shard is null || place % shard.Count == shard.Index)]);
        return engine._runs;
    }

    private void Run(IReadOnlyList<int> places)
    {
        for (int rung = 0; rung < _plan.Rungs.Count; rung++)
        {
            foreach (int place in places)
            {
                if (!IsReached(_runs[place], rung))
                    Take(place, rung, Ahead(places, place, rung));
            }
            if (_plan.Rungs[rung] is int epochs)
                places = Compare(places, epochs);
        }
        Report(null, null, 0);
    }

    /// <summary>Whether a run needs nothing more at a comparison. One that failed is tried again.</summary>
    private bool IsReached(SweepRun run, int rung) => run.Status is SweepRunStatus.Done or SweepRunStatus.Stopped
        || run.PausedEpochs is int paused && _plan.Rungs[rung] is int due && paused >= due;

    private void Take(int place, int rung, double ahead)
    {
        _cancellation.ThrowIfCancellationRequested();
        SweepRun run = _runs[place];
        double epochs = _plan.Epochs(run, rung), taken = _epochsTaken;
        long memory = 0;
        int? first = null;
        Report(run, null, epochs + ahead);
        try
        {
            SweepOutcome outcome = _trainer.Train(new SweepJob(_plan.CandidateOf(run), run.Seed)
            {
                StateFile = _folder.StateOf(run),
                ModelFile = _folder.ModelOf(run),
                Epochs = _plan.Rungs[rung],
                CancellationToken = _cancellation,
                Progress = Watch,
            });
            // A training takes one that cancels for a rest.
            if (_ofCaller is not null)
                ExceptionDispatchInfo.Throw(_ofCaller);
            run = Merge(run, _plan.Rungs[rung], outcome);
            run = run with { PeakMemory = Math.Max(run.PeakMemory, memory) };
        }
        // Neither is the run's: who asks for the same sweep again goes on with it.
        catch (Exception fault) when (fault is not OperationCanceledException && _ofCaller is null)
        {
            run = run with { Status = SweepRunStatus.Failed, Error = fault.Message, PausedEpochs = null };
        }
        _epochsTaken = taken + epochs;
        Set(place, run, ahead);

        void Watch(TrainingProgress progress)
        {
            memory = Math.Max(memory, Environment.WorkingSet);
            first ??= progress.Step - 1;
            double all = progress.TotalSteps;
            if (_plan.Rungs[rung] is int due)
                all = Math.Min(all, all * due / _plan.CandidateOf(run).Options.Training.MaxEpochs);
            double share = all > first ? Math.Min(1, (progress.Step - first.Value) / (all - first.Value)) : 1;
            _epochsTaken = taken + share * epochs;
            Report(run, progress, (1 - share) * epochs + ahead);
        }
    }

    private static SweepRun Merge(SweepRun run, int? due, SweepOutcome outcome)
    {
        TrainingSummary summary = outcome.Summary;
        return run with
        {
            Status = outcome.IsPaused ? SweepRunStatus.Paused : SweepRunStatus.Done,
            Error = null,
            PausedEpochs = outcome.IsPaused ? due : null,
            BaseLoss = summary.BaseLoss,
            StartLoss = summary.StartLoss,
            HeldOutLoss = summary.BestLoss,
            BestStep = summary.BestStep,
            Epochs = summary.Epochs,
            End = outcome.IsPaused ? null : summary.End,
            Losses = summary.Losses,
            HeldOutLosses = summary.ValidationLosses,
            Measures = outcome.Measures,
            Notes = outcome.Notes,
            Texts = outcome.Texts,
            Precision = outcome.Precision,
            TrainingRows = summary.TrainingRows,
            HeldOutRows = summary.ValidationRows,
            Tokens = summary.Tokens,
            TrainingSeconds = summary.Duration.TotalSeconds,
            WritingSeconds = outcome.WritingTime.TotalSeconds,
            TrainedParameters = summary.TrainedParameters,
            StoredBytes = outcome.StoredBytes,
            Model = outcome.HasModel ? SweepFolder.ModelName(run) : null,
        };
    }

    /// <summary>Stops the candidates that are behind; the mean over the seeds that did not fail decides.</summary>
    private List<int> Compare(IReadOnlyList<int> places, int epochs)
    {
        IGrouping<int, int>[] candidates = [.. places.GroupBy(place => _plan.IndexOf(_runs[place]))];
        HashSet<int> kept = [.. candidates.OrderBy(Loss).ThenBy(candidate => candidate.Key)
            .Take(_plan.Kept(candidates.Length)).Select(candidate => candidate.Key)];
        foreach (int place in places)
        {
            SweepRun run = _runs[place];
            if (!kept.Contains(_plan.IndexOf(run)) && run.Status == SweepRunStatus.Paused)
                Set(place, run with { Status = SweepRunStatus.Stopped }, null);
        }
        return [.. places.Where(place => kept.Contains(_plan.IndexOf(_runs[place])))];

        double Loss(IEnumerable<int> runs) => runs.Select(place => _runs[place])
            .Where(run => run.Status != SweepRunStatus.Failed)
            .Select(run => SweepPlan.LossAfter(run, epochs)).DefaultIfEmpty(double.PositiveInfinity).Average();
    }

    /// <summary>Epochs that lie behind a stretch of a run, at most.</summary>
    private double Ahead(IReadOnlyList<int> places, int from, int rung)
    {
        double epochs = places.SkipWhile(place => place != from).Skip(1)
            .Where(place => !IsReached(_runs[place], rung)).Sum(place => _plan.Epochs(_runs[place], rung));
        double runs = places.Count;
        for (int later = rung + 1; later < _plan.Rungs.Count; later++)
        {
            runs = _plan.Kept((int)Math.Ceiling(runs / _plan.Seeds.Count)) * _plan.Seeds.Count;
            epochs += runs * places.Average(place => _plan.Epochs(_runs[place], later));
        }
        return epochs;
    }

    private void Set(int place, SweepRun run, double? epochsLeft)
    {
        _runs[place] = run;
        _folder.Write(run);
        Report(run, null, epochsLeft);
    }

    private void Report(SweepRun? run, TrainingProgress? training, double? epochsLeft)
    {
        try
        {
            _progress?.Invoke(new SweepProgress([.. _runs], run, training,
                _epochsTaken > 0 && epochsLeft is double left ? _clock.Elapsed * (left / _epochsTaken) : null));
        }
        catch (Exception fault)
        {
            _ofCaller = fault;
            throw;
        }
    }
}
