namespace Microsoft.ML.PrefixTuning;

/// <summary>What came of a fold.</summary>
/// <param name="Fold">Its number, from 0.</param>
/// <param name="Training">How the prefix was trained, without the fold's rows.</param>
/// <param name="Metrics">What the texts are worth that it writes for the fold's rows.</param>
public sealed record CrossValidationFold(int Fold, TrainingSummary Training, TextGenerationMetrics Metrics);
