using System;
using System.Globalization;
using Spectre.Console;

namespace Microsoft.ML.PrefixTuning.Samples.TableToText;

/// <summary>Shows a running Fit: a bar on a terminal, a line now and then elsewhere.</summary>
internal static class FitProgress
{
    /// <summary>Runs a Fit that reports to the callback it is given.</summary>
    public static T Show<T>(Func<Action<TrainingProgress>, T> fit)
    {
        if (!AnsiConsole.Profile.Capabilities.Interactive)
            return fit(progress => WriteLine(progress));
        return AnsiConsole.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn())
            .Start(context =>
            {
                ProgressTask? task = null;
                return fit(progress =>
                {
                    task ??= context.AddTask("training", maxValue: progress.TotalSteps);
                    task.Value = progress.Step;
                    task.Description = Markup.Escape(Describe(progress));
                });
            });
    }

    private static void WriteLine(TrainingProgress progress)
    {
        if (progress.Step == 1 || progress.Step % 10 == 0 || progress.Step == progress.TotalSteps)
            Console.WriteLine(Describe(progress));
    }

    private static string Describe(TrainingProgress progress) => string.Create(CultureInfo.InvariantCulture,
        $"step {progress.Step}/{progress.TotalSteps}, loss"
            + $" {progress.Loss:F3}{(progress.ValidationLoss is double loss ? $", held-out loss {loss:F3}" : "")},"
            + $" {progress.TokensPerSecond:F0} tokens/s, {progress.TimeLeft:m\\:ss} left");
}
