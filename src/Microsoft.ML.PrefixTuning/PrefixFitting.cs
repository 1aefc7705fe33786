using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.PrefixTuning;

/// <summary>One <c>Fit</c>: from rows and options to a trained prefix. Holds nothing native beyond <see cref="Run"/>.</summary>
/// <param name="host">Cancellation.</param>
/// <param name="channel">Messages.</param>
/// <param name="columns">Columns.</param>
/// <param name="options">All that was chosen.</param>
/// <param name="frozen">The base.</param>
/// <param name="seed">Seed of everything random.</param>
internal sealed class PrefixFitting(IHost host, IChannel channel, TuningColumns columns, PrefixTuningOptions options,
    FrozenBase frozen, int seed)
{
    private const int LoggedWarnings = 5;
    private const int LoggedSteps = 20;

    private readonly LanguageModel _model = frozen.Model;

    /// <summary>Reads rows and trains.</summary>
    public (PrefixChoice Prefixes, TrainingSummary Summary) Run(IDataView input)
    {
        IReadOnlyList<AttentionSite> sites = Sites();
        PrefixConvention convention = Convention();
        int length = options.Prefix.Start is PrefixValuesStart given ? given.Prefix.Length : options.Prefix.Length;
        var room = new PrefixRoom(convention.TakesPositions ? length : 0, convention.HoldsBeginToken);
        var encoder = new RowEncoder(frozen.Tokenizer, _model.Spec, options.Template, columns.Input, room);
        var rows = new TrainingRows(columns, encoder, options.Training);
        (List<TrainingExample> training, List<TrainingExample> validation) = Read(rows, input);
        AttributeFitting? attributes = rows.Attributes is { } values ? new AttributeFitting(values, options, frozen.Tokenizer) : null;
        var start = new StartRequest
        {
            Model = _model,
            Start = options.Prefix.Start,
            Sites = sites,
            Length = length,
            Convention = convention,
            Seed = seed,
            Text = StartText(),
            Begin = Begin,
            DecoderStart = _model.Spec.Tokens.DecoderStart,
        };
        using PrefixParametrization parametrization = attributes?.Make(start)
            ?? new DirectParametrization(PrefixInitializer.Make(start), _model.Device);
        TrainingOutcome outcome = PrefixTrainer.Train(MakeRun(parametrization, training, validation));
        foreach (string warning in outcome.Warnings)
            Warn(warning);
        return (attributes?.Choose(outcome.Prefixes) ?? PrefixChoice.ForAll(outcome.Best), Summary(outcome, parametrization, training.Count, validation.Count, rows.Truncated));
    }

    private int? Begin => frozen.Tokenizer.Prologue is [int begin, ..] ? begin : null;

    private IReadOnlyList<AttentionSite> Sites()
    {
        if (options.Prefix.Sites is not { } sites)
            return _model.Spec.IsEncoderDecoder ? [AttentionSite.Encoder, AttentionSite.Decoder, AttentionSite.Cross] : [AttentionSite.Decoder];
        if (!_model.Spec.IsEncoderDecoder && sites.Any(site => site != AttentionSite.Decoder))
            throw new ArgumentException($"Prefix.Sites: expected Decoder alone, since a {_model.Spec.Family} base is decoder-only, found {string.Join(", ", sites)}.", "options");
        return sites;
    }

    private PrefixConvention Convention()
    {
        if (options.Prefix.Start is PrefixValuesStart given)
            return given.Prefix.Convention;
        if (_model.Spec.IsEncoderDecoder)
            return PrefixConvention.EncoderDecoder;
        return PrefixConvention.DecoderOnly with { HoldsBeginToken = options.Prefix.Start is TextStart && Begin is not null };
    }

    private int[] StartText() => options.Prefix.Start is TextStart start
        ? frozen.Tokenizer.Encode(start.Text ?? DefaultStartText()) : [];

    /// <summary>Task words start better than others (Li and Liang 2021, §7.5): the columns' names say what the task is.</summary>
    private string DefaultStartText() => $"Write the {columns.Label} for this {columns.Input}.\n";

    private (List<TrainingExample>, List<TrainingExample>) Read(TrainingRows rows, IDataView input)
    {
        void CheckAlive()
        {
            MlNetInternals.CheckAlive(host);
            options.Training.CancellationToken.ThrowIfCancellationRequested();
        }

        List<TrainingExample> training = rows.Read(input, isTraining: true, CheckAlive);
        if (training.Count == 0)
            throw new ArgumentException("Training data: expected at least one row, found none.", nameof(input));
        List<TrainingExample> validation;
        if (options.ValidationSet is { } view)
            validation = rows.Read(view, isTraining: false, CheckAlive);
        else
            (training, validation) = TrainingRows.Split(training, options.Training.ValidationFraction, seed);
        foreach (string warning in rows.Warnings.Take(LoggedWarnings))
            Warn(warning);
        if (rows.Warnings.Count > LoggedWarnings)
            Warn($"The same holds for {rows.Warnings.Count - LoggedWarnings} more rows.");
        Say($"Training on {training.Count} rows, validating on {validation.Count}.");
        return (training, validation);
    }

    private TrainingRun MakeRun(PrefixParametrization parametrization, List<TrainingExample> training, List<TrainingExample> validation) => new()
    {
        Model = _model,
        Parametrization = parametrization,
        Examples = training,
        Validation = validation,
        Options = options.Training,
        Seed = seed,
        LearningRate = options.Training.LearningRate ?? TrainingDefaults.LearningRate,
        DecoderStart = _model.Spec.Tokens.DecoderStart,
        BaseIdentity = options.Training.StateFile is null ? "" : frozen.Fingerprint.ToString(),
        State = options.Training.StateFile is { } path ? new TrainingStateFile(path) : null,
        Progress = Report,
        CheckAlive = () => MlNetInternals.CheckAlive(host),
    };

    private void Report(TrainingProgress progress)
    {
        options.Training.Progress?.Invoke(progress);
        int interval = Math.Max(1, progress.TotalSteps / LoggedSteps);
        if (progress.Step != 1 && progress.Step % interval != 0 && progress.Step != progress.TotalSteps)
            return;
        string validation = progress.ValidationLoss is double loss ? $", validation {loss:F3}" : "";
        Say(string.Create(CultureInfo.InvariantCulture, $"Epoch {progress.Epoch}, step {progress.Step}/{progress.TotalSteps}: loss {progress.Loss:F3}{validation}, ")
            + string.Create(CultureInfo.InvariantCulture, $"learning rate {progress.LearningRate:G3}, {progress.TokensPerSecond:F0} tokens/s, {progress.TimeLeft:h\\:mm\\:ss} left."));
    }

    private static TrainingSummary Summary(TrainingOutcome outcome, PrefixParametrization parametrization, int training,
        int validation, int truncated) => new()
        {
            Losses = outcome.Steps.Select(step => step.Loss).ToArray(),
            LearningRates = outcome.Steps.Select(step => step.LearningRate).ToArray(),
            ValidationLosses = outcome.Validations.Select(point => new ValidationLoss(point.Step, point.Loss)).ToArray(),
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

    private void Warn(string message) => channel.Warning(MessageSensitivity.Schema, "{0}", message);
}
