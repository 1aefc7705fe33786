using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Signals;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>
/// One <c>Fit</c>: from rows and options to a trained prefix. Holds nothing native beyond <see cref="Run"/>.
/// </summary>
/// <param name="host">Cancellation.</param>
/// <param name="log">Messages.</param>
/// <param name="columns">Columns.</param>
/// <param name="options">All that was chosen, and what the library chose where nothing was.</param>
/// <param name="frozen">The base.</param>
internal sealed class PrefixFitting(IHost host, FitLog log, FitColumns columns, PrefixTuningOptions options,
    FrozenBase frozen)
{
    private readonly LanguageModel _model = frozen.Model;
    private readonly TrainingSignals _signals = new(frozen.Origin.Name);
    private readonly TrainingStateFile? _state =
        options.Training.StateFile is { } path ? new TrainingStateFile(path) : null;

    /// <summary>Seed of everything random.</summary>
    public required int Seed { get; init; }

    /// <summary>What the caller chose, for the summary.</summary>
    public required IReadOnlyList<ChangedOption> Changed { get; init; }

    /// <summary>What is distilled; null where rows have wanted texts.</summary>
    public DistillationTeacher? Teacher { get; init; }

    /// <summary>Reads rows and trains.</summary>
    public FitResult Run(IDataView input)
    {
        BFloat16Products has = _model.Device.type == TorchSharp.DeviceType.CPU ? Processor.BFloat16
            : BFloat16Products.None;
        if (UsedPrecision.Of(options.Precision).Advice(value => $"Precision = ModelPrecision.{value}", has)
            is { } advice)
            log.Say(advice);
        using Activity? activity = SignalSource.Start("prefix_tuning.fit", frozen.Origin.Name);
        return SignalSource.Within(activity, () =>
        {
            Plan plan = Prepare();
            // A row's text may be written only when it is read: by a teacher, or by an earlier step.
            ReadRows rows = Annotate(Cancelling.By(CheckAlive, () => Read(plan, input)));
            plan.Prefix.TakeRows(rows.Training);
            Learned learned = Learn(plan, rows);
            TrainingSummary summary = Summarize(learned, plan, rows);
            activity?.SetTag("prefix_tuning.rows", summary.TrainingRows)
                .SetTag("prefix_tuning.steps", summary.Losses.Count)
                .SetTag("prefix_tuning.end", summary.End.ToString())
                .SetTag("prefix_tuning.best_loss", summary.BestLoss);
            return new FitResult(
                rows.Attributes?.Choose(learned.Prefixes) ?? PrefixesByValue.ForAll(learned.Prefixes[0]), summary,
                Shown(rows.Validation));
        });
    }

    /// <summary>Numbers of the rows that are shown, spread over those held out.</summary>
    private long[] Shown(List<TrainingExample> validation)
    {
        long[] sources = [.. validation.DistinctBy(row => row.Origin).Select(row => row.Row)];
        int count = Math.Min(options.Training.ExampleRows, sources.Length);
        return [.. Enumerable.Range(0, count).Select(place => sources[(long)place * sources.Length / count])];
    }

    /// <summary>Checks before anything is read what could fail after training, and plans the prefix.</summary>
    private Plan Prepare()
    {
        Probe();
        GenerationRules.Of(options.Generation, _model.Spec, frozen.Tokenizer, frozen.EndIds);
        var prefix = new PrefixPlan(options.Prefix, columns, frozen, Seed);
        CheckNeed(prefix);
        // What does not fit behind a teacher cannot be learned from it.
        PrefixRoom room = prefix.Room with { Tokens = Math.Max(prefix.Room.Tokens, Teacher?.Room ?? 0) };
        return new Plan(prefix, room,
            options.Training.DriftText is { } text ? new PlainTextDrift(frozen, text, room.Tokens) : null);
    }

    private void CheckNeed(PrefixPlan prefix, int memories = 1) =>
        PrefixNeed.Check(options.Prefix, _model.Spec, prefix.Sites, prefix.Length,
            _model.Device.type == TorchSharp.DeviceType.CPU ? AvailableMemory.Bytes() : null, memories);

    private void Probe()
    {
        if (options.Training.Workers is { IsFirst: false })
            return;
        try
        {
            _state?.Probe();
        }
        catch (IOException fault)
        {
            throw new IOException($"Training.StateFile: {fault.Message}", fault);
        }
        catch (UnauthorizedAccessException fault)
        {
            throw new UnauthorizedAccessException($"Training.StateFile: {fault.Message}", fault);
        }
    }

    /// <summary>Reads all rows and holds some out, before the first step: a bad row is found here.</summary>
    private ReadRows Read(Plan plan, IDataView input)
    {
        var encoder = new RowEncoder(frozen.Tokenizer, _model.Spec, options.Template, columns.Input, plan.Room);
        var reader = new RowReader(columns, encoder, options.Training);
        List<TrainingExample> training = reader.Read(input, isTraining: true, CheckAlive);
        if (training.Count == 0)
            throw new ArgumentException("Training data: expected at least one row, found none.", nameof(input));
        List<TrainingExample> validation;
        if (options.ValidationSet is { } view)
        {
            validation = ReadValidation(reader, view);
            WarnOfShared(training, validation);
        }
        else
            (training, validation) = HoldOut(training);
        log.WarnOfRows(reader.Warnings);
        TellRows(training, validation);
        return new ReadRows(training, validation, reader.Truncated,
            reader.Attributes is { } values ? new AttributeFitting(values, options, frozen.Tokenizer) : null);
    }

    private List<TrainingExample> ReadValidation(RowReader reader, IDataView view)
    {
        List<TrainingExample> rows;
        try
        {
            rows = reader.Read(view, isTraining: false, CheckAlive);
        }
        catch (ArgumentException exception)
        {
            throw new ArgumentException($"ValidationSet: {exception.Message}", exception);
        }
        return rows.Count > 0 ? rows
            : throw new ArgumentException("ValidationSet: expected at least one row, found none.", nameof(view));
    }

    private void WarnOfShared(List<TrainingExample> training, List<TrainingExample> validation)
    {
        HashSet<int> trained = [.. training.Select(row => row.Origin)];
        int shared = validation.Count(row => trained.Contains(row.Origin));
        if (shared > 0)
        {
            log.Warn($"{shared} of {validation.Count} rows of ValidationSet have an input that training rows have, too:"
                + " what is validated on is trained on. Give a ValidationSet of other inputs.");
        }
    }

    private (List<TrainingExample> Training, List<TrainingExample> Validation) HoldOut(List<TrainingExample> rows)
    {
        HeldOutRows split = HeldOutRows.Choose(rows, options.Training.ValidationFraction, Seed);
        if (split.Warning is { } warning)
            log.Warn(warning);
        return (split.Training, split.HeldOut);
    }

    private void TellRows(List<TrainingExample> training, List<TrainingExample> validation)
    {
        int sources = Sources(validation);
        log.Say($"Training on {CountText.Of(training.Count, "row")} of {CountText.Of(Sources(training), "source")},"
            + $" validating on {CountText.Of(validation.Count, "row")} of {sources}.");
        // Of one source there may be many rows; of one input alone there are no others.
        if (sources == 1 && (validation.Count == 1 || Sources(training) > 1))
        {
            string alone = validation.Count == 1 ? "One row" : $"One source of {validation.Count} rows";
            log.Warn($"{alone} alone decides on the best step and on early stopping. Give a larger ValidationSet or"
                + " ValidationFraction; with a ValidationFraction of 0 the last step is kept.");
        }
    }

    private static int Sources(List<TrainingExample> rows) => rows.Select(row => row.Origin).Distinct().Count();

    /// <summary>Notes on every row what the teacher says of it, where there is one.</summary>
    private ReadRows Annotate(ReadRows rows) => Teacher is not { } teacher ? rows : rows with
    {
        Training = teacher.Annotate(rows.Training, CheckAlive),
        Validation = teacher.Annotate(rows.Validation, CheckAlive),
    };

    /// <summary>Trains what the method trains, searches, or only measures a text.</summary>
    private Learned Learn(Plan plan, ReadRows rows)
    {
        TrainingRun run = MakeRun(plan, rows);
        if (options.Prefix.Method is TriggerWordsMethod words)
        {
            int steps = Math.Min(words.Steps, run.Options.MaxSteps ?? words.Steps);
            using var search = new TriggerLearner(run with { Options = run.Options with { MaxSteps = steps } },
                plan.Prefix.Search(words), plan.Prefix.Convention);
            return Train(search);
        }
        if (rows.Attributes is { } attributes)
            CheckNeed(plan.Prefix, attributes.Memories);
        using TrainedPrefix trained = rows.Attributes?.Make(plan.Prefix.Start()) ?? plan.Prefix.Make();
        using var learner = new GradientLearner(run with
        {
            LearningRate = options.Training.LearningRate ?? trained.DefaultLearningRate,
            Options = options.Prefix.Method is TextMethod ? run.Options with { MaxSteps = 0 } : run.Options,
        }, trained);
        return Train(learner);
    }

    private TrainingRun MakeRun(Plan plan, ReadRows rows) => new()
    {
        Model = _model,
        Examples = rows.Training,
        Validation = rows.Validation,
        Options = options.Training,
        Objective = Teacher?.MakeObjective() ?? new CrossEntropyObjective(options.Training.LabelSmoothing),
        Seed = Seed,
        // A search has none; what is moved by a gradient brings its own.
        LearningRate = 0,
        Opening = new Opening(frozen.Tokenizer, _model.Spec).OfRow(isHeld: false),
        Base = frozen.Identity,
        GroupColumn = columns.Attribute,
        GroupValues = rows.Attributes?.Values ?? [],
        StartIdentity = plan.Prefix.StartIdentity,
        StartAdvice = plan.Prefix.StartAdvice,
        State = _state,
        Progress = progress =>
        {
            options.Training.Progress?.Invoke(progress);
            _signals.Add(progress);
            log.Report(progress);
        },
        FreeMemory = AvailableMemory.Bytes,
        GiveBack = AvailableMemory.GiveBack,
        Blocks = LargeBlocks.OfProcess,
        Say = log.Say,
        Warn = log.Warn,
        CheckAlive = () => MlNetInternals.CheckAlive(host),
    };

    private Learned Train(PrefixLearner learner)
    {
        TrainingOutcome outcome = PrefixTrainer.Train(learner);
        return new Learned(outcome,
            [.. learner.PrefixesOf(outcome.Kept)
                .Select(prefix => prefix.MadeFor(frozen.Identity, frozen.Rules.ToText()))],
            learner.WordsOf(outcome.Kept));
    }

    /// <summary>
    /// Warns, measures the drift, and adds to the training's own summary what its rows and numbers stand for.
    /// </summary>
    private TrainingSummary Summarize(Learned learned, Plan plan, ReadRows rows)
    {
        foreach (string warning in learned.Outcome.Warnings)
            log.Warn(warning);
        TrainingSummary summary = learned.Outcome.Summary with
        {
            TrainingSources = Sources(rows.Training),
            ValidationSources = Sources(rows.Validation),
            TruncatedRows = rows.Truncated,
            Origin = new TrainingOrigin(frozen.Origin.Path, Changed),
            StoredParameters = learned.Prefixes.Sum(prefix => prefix.ParameterCount),
            TriggerWords = learned.Words?.Select(id => frozen.Tokenizer.Decode([id])).ToArray(),
            Distillation = Teacher?.Summary(learned.Prefixes[0].Length),
            // What values share is no value's.
            Drift = learned.Outcome.Summary.End == TrainingEnd.Cancelled ? null
                : Measure(plan.Drift, [.. learned.Prefixes.Take(rows.Attributes?.Values.Count ?? 1)]),
        };
        if (summary.TriggerWords is { } words)
            log.Say($"Trigger words: {FileText.Quote(string.Join('|', words))}.");
        log.Say($"Trained {summary.TrainedParameters} numbers; the prefix holds {summary.StoredParameters}.");
        return summary;
    }

    /// <summary>
    /// The drift, unless training is cancelled meanwhile: what is trained is not lost for a measure of it.
    /// </summary>
    private TextDrift? Measure(PlainTextDrift? drift, IReadOnlyList<Prefix> prefixes)
    {
        try
        {
            return drift?.Measure(prefixes, options.Training, CheckAlive);
        }
        catch (OperationCanceledException) when (options.Training.WhenCancelled == CancellationBehavior.ReturnBest)
        {
            return null;
        }
    }

    private void CheckAlive()
    {
        MlNetInternals.CheckAlive(host);
        options.Training.CancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>What is known before a row is read.</summary>
    /// <param name="Prefix">Sites, length, convention and start of the prefix.</param>
    /// <param name="Room">The room that it takes in front of a row, its teacher considered.</param>
    /// <param name="Drift">Measures the drift; null where there is no text for it.</param>
    private sealed record Plan(PrefixPlan Prefix, PrefixRoom Room, PlainTextDrift? Drift);

    /// <summary>The rows as ids.</summary>
    /// <param name="Training">Rows to learn from.</param>
    /// <param name="Validation">Rows that are only measured.</param>
    /// <param name="Truncated">Rows whose prompts were cut.</param>
    /// <param name="Attributes">The values of the attribute column; null where there is none.</param>
    private sealed record ReadRows(List<TrainingExample> Training, List<TrainingExample> Validation, int Truncated,
        AttributeFitting? Attributes);

    /// <summary>What training gave.</summary>
    /// <param name="Outcome">The training.</param>
    /// <param name="Prefixes">The prefix of each value of the attribute, or the one.</param>
    /// <param name="Words">The tokens that a search found; null for other methods.</param>
    private sealed record Learned(TrainingOutcome Outcome, IReadOnlyList<Prefix> Prefixes, IReadOnlyList<int>? Words);
}

/// <summary>What a fit gave.</summary>
/// <param name="Prefixes">Which prefix a row carries.</param>
/// <param name="Summary">How it was trained.</param>
/// <param name="Shown">
/// Numbers of rows for validation whose texts are to be shown; of the validation set where one was given.
/// </param>
internal sealed record FitResult(PrefixesByValue Prefixes, TrainingSummary Summary, IReadOnlyList<long> Shown);
