using System;
using System.Globalization;
using Microsoft.ML.PrefixTuning.Files;
using Spectre.Console;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>Shows a running training on standard error: a bar on a terminal, a line now and then elsewhere.</summary>
/// <param name="console">Takes it.</param>
internal sealed class TrainingDisplay(ToolConsole console)
{
    // Lines of a whole training where there is no terminal.
    private const int Lines = 20;

    private Action<TrainingProgress>? _bar;
    private IAnsiConsole? _live;

    /// <summary>Says something beside the bar.</summary>
    public void Say(string line)
    {
        if (_live is { } live)
            live.WriteLine(line);
        else
            console.Error.WriteLine(line);
    }

    /// <summary>Shows where the training stands.</summary>
    public void Show(TrainingProgress progress)
    {
        if (_bar is not null)
        {
            _bar(progress);
            return;
        }
        int interval = Math.Max(1, progress.TotalSteps / Lines);
        if (progress.Step == 1 || progress.Step % interval == 0 || progress.Step == progress.TotalSteps)
            console.Error.WriteLine(Describe(progress));
    }

    /// <summary>Runs a training, with a bar where there is a terminal.</summary>
    public T Run<T>(Func<T> train)
    {
        if (!console.IsErrorTerminal)
            return train();
        IAnsiConsole live = console.MakeErrorConsole();
        return live.Progress()
            .Columns(new SpinnerColumn(), new ProgressBarColumn(), new PercentageColumn(), new TaskDescriptionColumn())
            .Start(context =>
            {
                ProgressTask task = context.AddTask("reading rows and base", maxValue: 1);
                _live = live;
                _bar = progress =>
                {
                    task.MaxValue = progress.TotalSteps;
                    task.Value = progress.Step;
                    task.Description = Markup.Escape(Describe(progress));
                };
                try
                {
                    return train();
                }
                finally
                {
                    (_bar, _live) = (null, null);
                }
            });
    }

    private static string Describe(TrainingProgress progress) => string.Create(CultureInfo.InvariantCulture,
        $"step {progress.Step}/{progress.TotalSteps}, loss"
            + $" {progress.Loss:F3}{(progress.ValidationLoss is double loss ? $", held-out loss {loss:F3}" : "")},"
            + $" {progress.TokensPerSecond:F0} tokens/s, {TimeText.Of(progress.TimeLeft)} left");
}
