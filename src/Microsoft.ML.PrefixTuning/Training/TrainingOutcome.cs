using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Serialization;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>What a training came to.</summary>
internal sealed record TrainingOutcome
{
    /// <summary>
    /// The best prefix of every group: by validation loss, or the last finite one where there is no validation.
    /// </summary>
    public required IReadOnlyList<Prefix> Prefixes { get; init; }

    /// <summary>The best prefix where there is one group.</summary>
    public Prefix Best => Prefixes[0];

    /// <summary>Loss, gradient norm and learning rate of every step.</summary>
    public required IReadOnlyList<StepRecord> Steps { get; init; }

    /// <summary>
    /// Validation losses in nats a token, the first one before training. Empty without validation rows.
    /// </summary>
    public required IReadOnlyList<ValidationRecord> Validations { get; init; }

    /// <summary>
    /// Loss with the starting prefix before training, in nats a token, over the validation rows or else some training
    /// rows.
    /// </summary>
    public required double StartLoss { get; init; }

    /// <summary>Loss of the base without a prefix over the same rows.</summary>
    public required double BaseLoss { get; init; }

    /// <summary>Steps done when the best prefix was found; 0 for the start.</summary>
    public required int BestStep { get; init; }

    /// <summary>Epochs begun.</summary>
    public required int Epochs { get; init; }

    /// <summary>Real tokens of sources and targets seen.</summary>
    public required long Tokens { get; init; }

    /// <summary>Share of the base's input that was padding, from 0 to 1.</summary>
    public required double PaddingShare { get; init; }

    /// <summary>Time of all steps and validations, in seconds, over all resumed parts.</summary>
    public required double Seconds { get; init; }

    /// <summary>Why training ended.</summary>
    public required StopReason Reason { get; init; }

    /// <summary>What a user should know, ready to be shown.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>The tokens that a search for words found; null where nothing was searched.</summary>
    public IReadOnlyList<int>? TriggerWords { get; init; }

    /// <summary>Steps that changed nothing because loss or gradient was not finite.</summary>
    public int FailedSteps => Steps.Count(step => step.Failed);
}

/// <summary>One step.</summary>
/// <param name="Loss">
/// Mean over all target tokens of the step, in nats, label smoothing included; not finite where the step failed.
/// </param>
/// <param name="GradientNorm">L2 norm of the gradient before clipping.</param>
/// <param name="LearningRate">Learning rate.</param>
internal sealed record StepRecord(double Loss, double GradientNorm, double LearningRate)
{
    /// <summary>Whether the step changed nothing.</summary>
    [JsonIgnore]
    public bool Failed => !double.IsFinite(Loss) || !double.IsFinite(GradientNorm);
}

/// <summary>One validation.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Loss">Mean over all target tokens of the validation rows, in nats.</param>
internal sealed record ValidationRecord(int Step, double Loss);

/// <summary>Why a training ended.</summary>
internal enum StopReason
{
    /// <summary>All steps were done.</summary>
    Finished,

    /// <summary>The validation loss no longer fell.</summary>
    EarlyStopping,

    /// <summary>Too many steps in a row were not finite.</summary>
    FailedSteps,

    /// <summary>It was cancelled.</summary>
    Cancelled,
}
