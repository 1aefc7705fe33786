using System.Collections.Generic;
using System.Diagnostics.Metrics;

namespace Microsoft.ML.PrefixTuning.Signals;

/// <summary>What is measured of a training, step by step.</summary>
/// <param name="baseName">Name of the base.</param>
internal sealed class TrainingSignals(string baseName)
{
    private static readonly Counter<long> Steps =
        SignalSource.Meter.CreateCounter<long>("prefix_tuning.training.steps", "{step}", "Steps taken.");

    private static readonly Gauge<double> Loss = SignalSource.Meter.CreateGauge<double>("prefix_tuning.training.loss",
        "nat", "Loss of the last step, a target token.");

    private static readonly Gauge<double> ValidationLoss = SignalSource.Meter.CreateGauge<double>(
        "prefix_tuning.training.validation_loss", "nat", "Last validation loss, a target token.");

    private static readonly Gauge<double> LearningRate = SignalSource.Meter.CreateGauge<double>(
        "prefix_tuning.training.learning_rate", null, "Learning rate of the last step.");

    private static readonly Gauge<double> TokensPerSecond = SignalSource.Meter.CreateGauge<double>(
        "prefix_tuning.training.tokens_per_second", "{token}/s", "Real tokens a second, over the run.");

    private readonly KeyValuePair<string, object?> _base = new(SignalSource.BaseTag, baseName);

    /// <summary>Records a step.</summary>
    public void Add(TrainingProgress progress)
    {
        Steps.Add(1, _base);
        Loss.Record(progress.Loss, _base);
        if (progress.ValidationLoss is double validation)
            ValidationLoss.Record(validation, _base);
        LearningRate.Record(progress.LearningRate, _base);
        TokensPerSecond.Record(progress.TokensPerSecond, _base);
    }
}
