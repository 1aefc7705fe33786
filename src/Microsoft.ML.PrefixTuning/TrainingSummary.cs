using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning;

/// <summary>How a prefix was trained. Losses are in nats a target token.</summary>
public sealed record TrainingSummary
{
    /// <summary>Loss of every step; NaN where a step was not finite and changed nothing.</summary>
    public required IReadOnlyList<double> Losses { get; init; }

    /// <summary>Learning rate of every step.</summary>
    public required IReadOnlyList<double> LearningRates { get; init; }

    /// <summary>Validation losses; the first one, at step 0, is that of the untrained prefix. Empty where nothing was held out.</summary>
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

    /// <summary>Rows whose prompts were cut to fit the context window.</summary>
    public int TruncatedRows { get; init; }

    /// <summary>Real tokens, sources and targets, that went through the base.</summary>
    public required long Tokens { get; init; }

    /// <summary>Time of training without reading rows and loading the base.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>Numbers that the optimizer moved.</summary>
    public required long TrainedParameters { get; init; }

    /// <summary>Numbers that the prefix holds; with an attribute column, those of all values' prefixes.</summary>
    public required long StoredParameters { get; init; }

    /// <summary>Real tokens a second.</summary>
    public double TokensPerSecond => Duration > TimeSpan.Zero ? Tokens / Duration.TotalSeconds : 0;
}

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
