using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>
/// One <c>Fit</c>: from rows and options to a trained prefix. Holds nothing native beyond <see cref="Run"/>.
/// </summary>
/// <param name="host">Cancellation.</param>
/// <param name="channel">Messages.</param>
/// <param name="columns">Columns.</param>
/// <param name="options">All that was chosen.</param>
/// <param name="frozen">The base.</param>
/// <param name="seed">Seed of everything random.</param>
/// <param name="teacher">What is distilled; null where rows have wanted texts.</param>
internal sealed class PrefixFitting(IHost host, IChannel channel, FitColumns columns, PrefixTuningOptions options,
    FrozenBase frozen, int seed, DistillationTeacher? teacher = null)
{
    private const int LoggedWarnings = 5;
    private const int LoggedSteps = 20;

    private readonly LanguageModel _model = frozen.Model;

    private TrainingStateFile? State { get; } = options.Training.StateFile is { } path ? new TrainingStateFile(path)
        : null;

    /// <summary>Reads rows and trains.</summary>
    public (PrefixesByValue Prefixes, TrainingSummary Summary) Run(IDataView input)
    {
        // Before training, not after it.
        Probe();
        RuleMaker.Make(options.Generation, frozen);
        var setup = new PrefixPlan(options.Prefix, columns, frozen, seed);
        // What does not fit behind a teacher cannot be learned from it.
        PrefixRoom room = setup.Room with { Tokens = Math.Max(setup.Room.Tokens, teacher?.Room ?? 0) };
        var encoder = new RowEncoder(frozen.Tokenizer, _model.Spec, options.Template, columns.Input, room);
        var rows = new RowReader(columns, encoder, options.Training);
        (List<TrainingExample> training, List<TrainingExample> validation) = Read(rows, input);
        if (teacher is not null)
            (training, validation) = (teacher.Annotate(training, CheckAlive), teacher.Annotate(validation, CheckAlive));
        PlainTextDrift? drift = options.Training.DriftText is { } text
            ? new PlainTextDrift(frozen, text, room.Tokens) : null;
        AttributeFitting? attributes = rows.Attributes is { } values
            ? new AttributeFitting(values, options, frozen.Tokenizer) : null;
        using TrainedPrefix parametrization = attributes?.Make(setup.Start()) ?? setup.Make();
        TrainingOutcome outcome =
            setup.Learn(MakeRun(setup, parametrization, training, validation) with
            {
                GroupColumn = columns.Attribute,
                GroupValues = rows.Attributes?.Values ?? [],
            });
        foreach (string warning in outcome.Warnings)
            Warn(warning);
        TrainingSummary summary =
            Summary(outcome, parametrization, training.Count, validation.Count, rows.Truncated) with
            {
                TriggerWords = setup.TextsOf(outcome.TriggerWords),
                Distillation = teacher?.Summary(outcome.Best.Length),
                Drift = outcome.Reason == StopReason.Cancelled ? null : Measure(drift, outcome),
            };
        if (summary.TriggerWords is { } words)
            Say($"Trigger words: {FileText.Quote(string.Join('|', words))}.");
        Say($"Trained {summary.TrainedParameters} numbers; the prefix holds {summary.StoredParameters}.");
        Prefix[] prefixes = [.. outcome.Prefixes.Select(prefix => prefix.MadeFor(frozen.Identity))];
        return (attributes?.Choose(prefixes) ?? PrefixesByValue.ForAll(prefixes[0]), summary);
    }

    private (List<TrainingExample>, List<TrainingExample>) Read(RowReader rows, IDataView input)
    {
        List<TrainingExample> training = rows.Read(input, isTraining: true, CheckAlive);
        if (training.Count == 0)
            throw new ArgumentException("Training data: expected at least one row, found none.", nameof(input));
        List<TrainingExample> validation;
        if (options.ValidationSet is { } view)
            validation = ReadValidation(rows, view);
        else
            (training, validation) = RowReader.Split(training, options.Training.ValidationFraction, seed);
        foreach (string warning in rows.Warnings.Take(LoggedWarnings))
            Warn(warning);
        if (rows.Warnings.Count > LoggedWarnings)
            Warn($"The same holds for {rows.Warnings.Count - LoggedWarnings} more rows.");
        Say($"Training on {training.Count} rows, validating on {validation.Count}.");
        return (training, validation);
    }

    private void Probe()
    {
        try
        {
            State?.Probe();
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

    /// <summary>
    /// The drift, unless training is cancelled meanwhile: what is trained is not lost for a measure of it.
    /// </summary>
    private TextDrift? Measure(PlainTextDrift? drift, TrainingOutcome outcome)
    {
        try
        {
            return drift?.Measure(outcome.Prefixes, options.Training.BatchSize, CheckAlive);
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

    private TrainingRun MakeRun(PrefixPlan setup, TrainedPrefix parametrization, List<TrainingExample> training,
        List<TrainingExample> validation) => new()
        {
            Model = _model,
            Parametrization = parametrization,
            Examples = training,
            Validation = validation,
            Options = options.Training,
            Objective = teacher?.Objective ?? new CrossEntropyObjective(options.Training.LabelSmoothing),
            Seed = seed,
            LearningRate = options.Training.LearningRate ?? parametrization.DefaultLearningRate,
            Opening = new Opening(frozen.Tokenizer, _model.Spec).OfRow(isHeld: false),
            Base = frozen.Identity,
            StartIdentity = setup.StartIdentity,
            State = State,
            Progress = Report,
            Warn = Warn,
            CheckAlive = () => MlNetInternals.CheckAlive(host),
        };

    private void Report(TrainingProgress progress)
    {
        options.Training.Progress?.Invoke(progress);
        int interval = Math.Max(1, progress.TotalSteps / LoggedSteps);
        if (progress.Step != 1 && progress.Step % interval != 0 && progress.Step != progress.TotalSteps)
            return;
        string validation = progress.ValidationLoss is double loss ? $", validation {loss:F3}" : "";
        Say(string.Create(CultureInfo.InvariantCulture,
            $"Epoch {progress.Epoch}, step {progress.Step}/{progress.TotalSteps}: loss"
                + $" {progress.Loss:F3}{validation}, ")
            + string.Create(CultureInfo.InvariantCulture,
                $"learning rate {progress.LearningRate:G3}, {progress.TokensPerSecond:F0} tokens/s,"
                    + $" {progress.TimeLeft:h\\:mm\\:ss} left."));
    }

    private static TrainingSummary Summary(TrainingOutcome outcome, TrainedPrefix parametrization, int training,
        int validation, int truncated) => new()
        {
            Losses = outcome.Steps.Select(step => step.Loss).ToArray(),
            LearningRates = outcome.Steps.Select(step => step.LearningRate).ToArray(),
            ValidationLosses = outcome.Validations.Select(point => new ValidationLoss(point.Step, point.Loss))
                .ToArray(),
            StartLoss = outcome.StartLoss,
            BaseLoss = outcome.BaseLoss,
            BestStep = outcome.BestStep,
            BestLoss = outcome.Validations.LastOrDefault(point => point.Step == outcome.BestStep)?.Loss,
            FailedSteps = outcome.FailedSteps,
            Epochs = outcome.Epochs,
            End = outcome.Reason switch
            {
                StopReason.EarlyStopping => TrainingEnd.EarlyStopping,
                StopReason.FailedSteps => TrainingEnd.Diverged,
                StopReason.Cancelled => TrainingEnd.Cancelled,
                _ => TrainingEnd.Completed,
            },
            TrainingRows = training,
            ValidationRows = validation,
            TruncatedRows = truncated,
            Tokens = outcome.Tokens,
            Duration = TimeSpan.FromSeconds(outcome.Seconds),
            TrainedParameters = parametrization.TrainedCount,
            StoredParameters = outcome.Prefixes.Sum(prefix => prefix.ParameterCount),
        };

    private void Say(string message) => channel.Info(MessageSensitivity.Schema, "{0}", message);

    private List<TrainingExample> ReadValidation(RowReader rows, IDataView view)
    {
        try
        {
            return rows.Read(view, isTraining: false, CheckAlive);
        }
        catch (ArgumentException exception)
        {
            throw new ArgumentException($"ValidationSet: {exception.Message}", exception);
        }
    }

    private void Warn(string message) => channel.Warning(MessageSensitivity.Schema, "{0}", message);
}
