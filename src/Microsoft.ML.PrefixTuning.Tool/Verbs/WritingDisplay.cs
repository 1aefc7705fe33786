using System;
using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.PrefixTuning.Files;
using Spectre.Console;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>
/// Shows on standard error how many rows are written: a bar on a terminal, a line now and then elsewhere.
/// </summary>
/// <param name="console">Takes it.</param>
internal sealed class WritingDisplay(ToolConsole console)
{
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private TimeSpan _shown;
    private long _rows;
    private long _written;
    private Action<string, double?>? _bar;

    /// <summary>Time between two lines of a command.</summary>
    public static TimeSpan UsualInterval { get; } = TimeSpan.FromSeconds(30);

    /// <summary>Rows in all; null where nobody knows.</summary>
    public long? Total { get; init; }

    /// <summary>Whether a terminal has room for a bar: not where texts go to it.</summary>
    public bool HasBar { get; init; } = true;

    /// <summary>Time between two lines where there is no bar.</summary>
    public TimeSpan Interval { get; init; } = UsualInterval;

    /// <summary>Runs what writes, with a bar where there is room for one.</summary>
    public void Run(Action write)
    {
        if (!console.IsErrorTerminal || !HasBar)
        {
            write();
            return;
        }
        console.MakeErrorConsole().Progress()
            .Columns(new SpinnerColumn(), new ProgressBarColumn(), new TaskDescriptionColumn())
            .Start(context =>
            {
                ProgressTask task = context.AddTask("writing the first rows", maxValue: 1);
                task.IsIndeterminate = Total is null;
                _bar = (text, share) =>
                {
                    task.Description = Markup.Escape(text);
                    task.Value = share ?? 0;
                };
                try
                {
                    write();
                }
                finally
                {
                    _bar = null;
                }
            });
    }

    /// <summary>Takes a row that was written.</summary>
    /// <param name="rows">Rows up to it, those of former runs included.</param>
    public void Add(long rows)
    {
        (_rows, _written) = (rows, _written + 1);
        TimeSpan now = _watch.Elapsed;
        if (_bar is { } bar)
            bar(Describe(now), Total is > 0 and long total ? Math.Min(1, (double)_rows / total) : null);
        else if (!console.IsErrorTerminal && now - _shown >= Interval)
        {
            _shown = now;
            console.Error.WriteLine(Describe(now));
        }
    }

    private string Describe(TimeSpan time)
    {
        double rate = time > TimeSpan.Zero ? _written / time.TotalSeconds : 0;
        string rows = Total is long total ? Text($"{_rows:N0} of {total:N0} rows") : Text($"{_rows:N0} rows");
        string left = Total is long all && all >= _rows && rate > 0
            ? Text($", {TimeText.Of(TimeSpan.FromSeconds((all - _rows) / rate))} left") : "";
        return Text($"{rows} written, {rate:F1} a second{left}");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
