using System;
using System.Collections.Generic;
using System.Text.Json.Serialization;
using Microsoft.ML.PrefixTuning.Training;

namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// How a prefix was trained. Losses are in nats a target token: cross-entropies, or divergences from the teacher where
/// <see cref="Distillation"/> says so.
/// </summary>
public sealed partial record TrainingSummary
{
    /// <summary>
    /// Loss of every step, in nats a target token also where <see cref="TrainingOptions.Loss"/> makes the sum over a
    /// row small. It includes <see cref="TrainingOptions.LabelSmoothing"/>; validation losses do not. NaN where a step
    /// was not finite and changed nothing.
    /// </summary>
    public required IReadOnlyList<double> Losses { get; init; }

    /// <summary>Learning rate of every step.</summary>
    public required IReadOnlyList<double> LearningRates { get; init; }

    /// <summary>
    /// Validation losses; the first one, at step 0, is that of the untrained prefix. Empty where nothing was held out.
    /// </summary>
    public required IReadOnlyList<ValidationLoss> ValidationLosses { get; init; }

    /// <summary>Loss with the untrained prefix, over the validation rows or else some training rows.</summary>
    public required double StartLoss { get; init; }

    /// <summary>Loss of the base without any prefix, over the same rows.</summary>
    public required double BaseLoss { get; init; }

    /// <summary>The step whose prefix was kept.</summary>
    public required int BestStep { get; init; }

    /// <summary>Validation loss of the kept prefix; null where nothing was held out.</summary>
    public double? BestLoss { get; init; }

    /// <summary>Steps that changed nothing because the loss or gradient was not finite.</summary>
    public int FailedSteps { get; init; }

    /// <summary>Epochs begun.</summary>
    public required int Epochs { get; init; }

    /// <summary>Why training ended.</summary>
    public required TrainingEnd End { get; init; }

    /// <summary>Rows trained on.</summary>
    public required int TrainingRows { get; init; }

    /// <summary>Rows held out or given for validation.</summary>
    public required int ValidationRows { get; init; }

    /// <summary>
    /// Different inputs (with their attribute values) among the rows trained on; null in models saved before these were
    /// counted.
    /// </summary>
    public int? TrainingSources { get; init; }

    /// <summary>
    /// Different inputs among the rows for validation; none of them is trained on where rows are held out.
    /// </summary>
    public int? ValidationSources { get; init; }

    /// <summary>Rows whose prompts were cut to fit the context window.</summary>
    public int TruncatedRows { get; init; }

    /// <summary>
    /// Real tokens, sources and targets, that went through the base; a source that rows share counts as often as it is
    /// read.
    /// </summary>
    public required long Tokens { get; init; }

    /// <summary>Time of training without reading rows and loading the base.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>
    /// <see cref="TrainingOptions.MaxTokensPerPass"/>; null in models that former versions saved, whose batches were
    /// one pass each.
    /// </summary>
    public int? MaxTokensPerPass { get; init; }

    /// <summary>
    /// <see cref="TrainingOptions.SharedSources"/>; null in models that former versions saved, whose rows each read
    /// their source.
    /// </summary>
    public bool? SharedSources { get; init; }

    /// <summary>
    /// Whether layers were run a second time for their gradient (<see cref="TrainingOptions.Recompute"/>); null in
    /// models that former versions saved.
    /// </summary>
    public bool? Recomputed { get; init; }

    /// <summary>Numbers that the optimizer moved.</summary>
    public required long TrainedParameters { get; init; }

    /// <summary>Numbers that the prefix holds; with an attribute column, those of all values' prefixes.</summary>
    public required long StoredParameters { get; init; }

    /// <summary>
    /// Seed of the order of rows, the rows held out and random starts, also where it was drawn; null in models that
    /// former versions saved.
    /// </summary>
    public int? Seed { get; init; }

    /// <summary>
    /// What the prefix does to <see cref="TrainingOptions.DriftText"/>; null where there was no such text, or training
    /// was cancelled.
    /// </summary>
    public TextDrift? Drift { get; init; }

    /// <summary>What was distilled; null where the prefix was trained on wanted texts.</summary>
    public DistillationSummary? Distillation { get; init; }

    /// <summary>
    /// The tokens of the prompt that <see cref="PrefixMethod.TriggerWords"/> found, as texts; null for other methods.
    /// </summary>
    public IReadOnlyList<string>? TriggerWords { get; init; }

    /// <summary>
    /// Some rows held out with the texts that base and prefix write for them: as many as
    /// <see cref="TrainingOptions.ExampleRows"/>. Null where none was asked for, and in loaded models: rows are not
    /// saved.
    /// </summary>
    [JsonIgnore]
    public IReadOnlyList<WrittenExample>? Examples { get; init; }

    /// <summary>What was trained on and how; null in loaded models.</summary>
    internal TrainingOrigin? Origin { get; init; }

    /// <summary>Whether no step was to be taken: a text as it is has nothing to learn.</summary>
    internal bool IsUntrained => Losses.Count == 0 && End == TrainingEnd.Completed;

    /// <summary>What the losses are, for a reader.</summary>
    internal string LossName => Distillation is null ? "loss" : "divergence";

    /// <summary>Real tokens a second.</summary>
    public double TokensPerSecond => Duration > TimeSpan.Zero ? Tokens / Duration.TotalSeconds : 0;
}

/// <summary>
/// How much a prefix changes what the base knows of a plain text that has nothing to do with the task.
/// </summary>
/// <param name="BaseLoss">Cross-entropy of the text without the prefix, in nats a token.</param>
/// <param name="PrefixLoss">
/// The same behind the kept prefix; with an attribute column, the mean over its values' prefixes.
/// </param>
/// <param name="Tokens">Tokens predicted.</param>
public sealed record TextDrift(double BaseLoss, double PrefixLoss, int Tokens)
{
    /// <summary>By how much the prefix raises the loss, in nats a token.</summary>
    public double Increase => PrefixLoss - BaseLoss;
}

/// <summary>What a distillation replaced.</summary>
/// <param name="TeacherTokens">Tokens that the teacher puts in front of a row.</param>
/// <param name="StudentTokens">Tokens that the trained prefix takes in their place.</param>
/// <param name="Temperature">What both sides' logits were divided by.</param>
/// <param name="TopK">The teacher's most probable tokens that were compared one by one; 0 for all tokens.</param>
public sealed record DistillationSummary(int TeacherTokens, int StudentTokens, double Temperature, int TopK)
{
    /// <summary>Tokens that a row no longer needs.</summary>
    public int SavedTokens => TeacherTokens - StudentTokens;
}

/// <summary>A row held out and what is written for it.</summary>
/// <param name="Input">The input column.</param>
/// <param name="Attribute">The attribute column; null where there is none.</param>
/// <param name="Wanted">The wanted texts.</param>
/// <param name="ByBase">What the base writes without a prefix; empty where the row cannot be used so.</param>
/// <param name="ByPrefix">What it writes with the trained prefix; empty where the row cannot be used so.</param>
public sealed record WrittenExample(string Input, string? Attribute, IReadOnlyList<string> Wanted, string ByBase,
    string ByPrefix);

/// <summary>The validation loss after a step.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Loss">Mean loss in nats a target token.</param>
public sealed record ValidationLoss(int Step, double Loss);

/// <summary>Why a training ended.</summary>
public enum TrainingEnd
{
    /// <summary>All steps were done.</summary>
    Completed,

    /// <summary>The validation loss no longer fell.</summary>
    EarlyStopping,

    /// <summary>It was cancelled; the best prefix so far was kept.</summary>
    Cancelled,

    /// <summary>Too many steps in a row were not finite; the best prefix so far was kept.</summary>
    Diverged,
}
