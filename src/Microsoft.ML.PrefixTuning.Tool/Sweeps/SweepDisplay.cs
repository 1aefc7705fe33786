using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Sweeps;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Spectre.Console;

namespace Microsoft.ML.PrefixTuning.Tool.Sweeps;

/// <summary>Shows a running sweep on standard error: a live table on a terminal, a line a run elsewhere.</summary>
/// <param name="console">Takes it.</param>
/// <param name="words">Names of the file's options, for what the library says of a run that failed.</param>
internal sealed class SweepDisplay(ToolConsole console, OptionWords words)
{
    // Runs that a screen has room for.
    private const int MostRows = 20;

    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(250);

    private readonly List<string> _messages = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private TimeSpan _shown = TimeSpan.MinValue;
    private int _begun;
    private LiveDisplayContext? _live;
    private IAnsiConsole? _screen;

    /// <summary>Runs a sweep.</summary>
    public T Run<T>(Func<T> sweep)
    {
        if (!console.IsErrorTerminal)
            return sweep();
        try
        {
            _screen = console.MakeErrorConsole();
            return _screen.Live(new Markup("reading rows and base")).Start(context =>
            {
                _live = context;
                return sweep();
            });
        }
        finally
        {
            (_live, _screen) = (null, null);
            foreach (string message in _messages.Distinct())
                console.Error.WriteLine(message);
        }
    }

    /// <summary>Says something at once, above the table.</summary>
    public void SayNow(string message)
    {
        if (_screen is { } screen)
            screen.WriteLine(message);
        else
            console.Error.WriteLine(message);
    }

    /// <summary>Says something without disturbing the table.</summary>
    public void Say(string message)
    {
        if (_live is null)
            console.Error.WriteLine(message);
        else
            _messages.Add(message);
    }

    /// <summary>Shows where the sweep stands.</summary>
    public void Show(SweepProgress progress)
    {
        if (_live is null)
        {
            if (progress is { Current: { } run, Training: null } && IsTold(run))
                console.Error.WriteLine(Line(progress, run));
            return;
        }
        if (progress.Training is not null && _shown != TimeSpan.MinValue && _clock.Elapsed - _shown < Pace)
            return;
        _shown = _clock.Elapsed;
        _live.UpdateTarget(Table(progress));
    }

    /// <summary>
    /// Whether something came of a run now. One that begins is as it was left, which is no news: waiting, at rest, or
    /// failed before.
    /// </summary>
    private bool IsTold(SweepRun run)
    {
        bool begins = run.Number != _begun && run.Status != SweepRunStatus.Stopped;
        _begun = begins ? run.Number : 0;
        return !begins;
    }

    private string Line(SweepProgress progress, SweepRun run) => string.Create(CultureInfo.InvariantCulture,
        $"run {run.Number}/{progress.Runs.Count} ({run.Name}; seed {run.Seed}): {SweepReport.Word(run.Status)}"
            + $"{(run.Error is { } error ? $": {words.Of(error)}" : "")}"
            + $"{(run.HeldOutLoss is double loss ? $", held-out loss {loss:F3}" : "")}, {run.TrainingSeconds:F0} s"
            + $"{(progress.TimeLeft is { } left ? $"; {TimeText.Of(left)} left" : "")}");

    private static Table Table(SweepProgress progress)
    {
        Table table = new Table().Border(TableBorder.Simple).AddColumn("run").AddColumn("candidate").AddColumn("seed")
            .AddColumn("status").AddColumn(new TableColumn("held-out loss").RightAligned())
            .AddColumn(new TableColumn("seconds").RightAligned());
        int current = progress.Current?.Number ?? progress.Runs.Count;
        int first = Math.Clamp(current - MostRows / 2, 1, Math.Max(1, progress.Runs.Count - MostRows + 1));
        foreach (SweepRun run in progress.Runs.Skip(first - 1).Take(MostRows))
            AddRow(table, run, run.Number == progress.Current?.Number ? progress.Training : null);
        int done = progress.Runs.Count(run => run.Status is not (SweepRunStatus.Waiting or SweepRunStatus.Paused));
        return table.Caption(string.Create(CultureInfo.InvariantCulture, $"{done} of {progress.Runs.Count} runs"
            + $"{(progress.TimeLeft is { } left ? $", {TimeText.Of(left)} left" : "")}"));
    }

    private static void AddRow(Table table, SweepRun run, TrainingProgress? training)
    {
        double? loss = training?.ValidationLoss ?? run.HeldOutLoss;
        string status = training is null ? SweepReport.Word(run.Status) : string.Create(CultureInfo.InvariantCulture,
            $"step {training.Step}/{training.TotalSteps}, loss {training.Loss:F3}");
        string[] cells =
        [
            Show($"{run.Number}"), run.Name, Show($"{run.Seed}"), status,
            loss is double known ? Show($"{known:F3}") : "",
            Show($"{run.TrainingSeconds:F0}"),
        ];
        table.AddRow([.. cells.Select(Markup.Escape)]);

        static string Show(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
    }
}
