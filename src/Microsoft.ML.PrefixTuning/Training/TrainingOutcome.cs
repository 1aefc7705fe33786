using System.Collections.Generic;
using System.Text.Json.Serialization;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>What a training came to, whatever was trained.</summary>
internal sealed record TrainingOutcome
{
    /// <summary>
    /// The best of what was learned, by name: by validation loss, or the last finite one where there is no validation.
    /// </summary>
    public required IReadOnlyDictionary<string, StateTensor> Kept { get; init; }

    /// <summary>What is told of it; what the rows and the kept numbers stand for is its caller's to add.</summary>
    public required TrainingSummary Summary { get; init; }

    /// <summary>Loss, gradient norm and learning rate of every step.</summary>
    public required IReadOnlyList<StepRecord> Steps { get; init; }

    /// <summary>Share of the base's input that was padding, from 0 to 1.</summary>
    public required double PaddingShare { get; init; }

    /// <summary>What a user should know, ready to be shown.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }
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
