using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>What a fit tells on its channel.</summary>
/// <param name="channel">Takes the messages.</param>
internal sealed class FitLog(IChannel channel)
{
    private const int LoggedWarnings = 5;
    private const int LoggedSteps = 20;

    /// <summary>Tells something.</summary>
    public void Say(string message) => channel.Info(MessageSensitivity.Schema, "{0}", message);

    /// <summary>Warns of something.</summary>
    public void Warn(string message) => channel.Warning(MessageSensitivity.Schema, "{0}", message);

    /// <summary>Warns of single rows: of the first ones by name, of the others by number.</summary>
    public void WarnOfRows(IReadOnlyList<string> messages)
    {
        foreach (string message in messages.Take(LoggedWarnings))
            Warn(message);
        if (messages.Count > LoggedWarnings)
            Warn($"The same holds for {messages.Count - LoggedWarnings} more rows.");
    }

    /// <summary>Tells of the first step, of some twenty others and of the last one.</summary>
    public void Report(TrainingProgress progress)
    {
        int interval = Math.Max(1, progress.TotalSteps / LoggedSteps);
        if (progress.Step != 1 && progress.Step % interval != 0 && progress.Step != progress.TotalSteps)
            return;
        string validation = progress.ValidationLoss is double loss ? Text($", validation {loss:F3}") : "";
        Say(Text($"Epoch {progress.Epoch}, step {progress.Step}/{progress.TotalSteps}: loss {progress.Loss:F3}")
            + Text($"{validation}, learning rate {progress.LearningRate:G3}, {progress.TokensPerSecond:F0} tokens/s, ")
            + Text($"{TimeText.Of(progress.TimeLeft)} left."));
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
