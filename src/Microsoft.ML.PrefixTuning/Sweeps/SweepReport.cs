using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Reports;

namespace Microsoft.ML.PrefixTuning.Sweeps;

/// <summary>A sweep as a report: what is best, how sure that is, how each run went.</summary>
internal static class SweepReport
{
    // As many lines as a plot has colours, and as texts fit beside each other.
    private const int Shown = 4;

    // A legend has room for so many letters of each of them.
    private const int LegendLetters = 16;

    private const string None = "–";

    /// <summary>The report of a sweep.</summary>
    public static ReportContent Of(SweepResults results, SweepManifest manifest) => new("Sweep")
    {
        Subtitle = $"{CountText.Of(manifest.Candidates.Count, "candidate")}, "
            + $"{CountText.Of(manifest.Seeds.Count, "seed")} each, {CountText.Of(results.Runs.Count, "run")}: "
            + string.Join(", ", results.Runs.CountBy(run => run.Status)
                .OrderBy(pair => pair.Key).Select(pair => Text($"{pair.Value:N0} {Word(pair.Key)}")))
            + "." + string.Concat(results.Notes.Select(note => $" {note}")),
        KeyFigures = [.. KeyFigures(results)],
        Plots = [Curves(results)],
        Tables = [CandidateTable(results), RunTable(results), .. TextTables(results)],
        Listings = [.. Listings(results)],
    };

    /// <summary>A mean with its spread.</summary>
    public static string Shows(SweepFigure? figure, int decimals) => figure is null ? None
        : Number(figure.Mean, decimals) + (figure.Spread is double spread ? $" ± {Number(spread, decimals)}" : "");

    /// <summary>A measure of a candidate with its spread.</summary>
    public static string ShowsMeasure(SweepCandidateResult candidate, string name) =>
        Shows(candidate.Measures.GetValueOrDefault(name), DecimalsOf(name));

    /// <summary>A status as a word.</summary>
    public static string Word(SweepRunStatus status) => status switch
    {
        SweepRunStatus.Waiting => "not run",
        SweepRunStatus.Paused => "paused",
        SweepRunStatus.Stopped => "stopped early",
        SweepRunStatus.Failed => "failed",
        _ => "done",
    };

    private static IEnumerable<KeyFigure> KeyFigures(SweepResults results)
    {
        if (results.Best is not { } best)
            yield break;
        SweepCandidateResult first = results.Candidates[0];
        yield return new KeyFigure("Best held-out loss", Shows(first.HeldOutLoss, 3), first.Name);
        yield return new KeyFigure("Base without a prefix", Number(best.BaseLoss ?? double.NaN, 3));
        yield return new KeyFigure("Time of all runs",
            Time(results.Runs.Sum(run => run.TrainingSeconds + run.WritingSeconds)));
    }

    private static LinePlot Curves(SweepResults results)
    {
        SweepCandidateResult[] best = [.. results.Candidates.Where(one => one.BestRun is not null).Take(Shown)];
        bool fits = best.All(one => one.Name.Length <= LegendLetters);
        PlotLine[] named = [.. best.Select((one, rank) => new PlotLine(fits ? one.Name : Text($"rank {rank + 1}"),
            Points(one.BestRun!), PlotStyle.Dotted))];
        IEnumerable<PlotLine> others = results.Runs.Where(run => !best.Any(one => one.BestRun == run))
            .Select(run => new PlotLine(run.Name, Points(run), PlotStyle.Backdrop));
        return new LinePlot("Held-out loss of all runs", "step", "loss in nats a token", [.. named, .. others]);
    }

    private static PlotPoint[] Points(SweepRun run) =>
        [.. run.HeldOutLosses.Select(point => new PlotPoint(point.Step, point.Loss))];

    private static ReportTable CandidateTable(SweepResults results)
    {
        string[] settings = [.. results.Candidates.SelectMany(one => one.Settings.Keys).Distinct()];
        string[] measures = [.. results.Candidates.SelectMany(one => one.Measures.Keys).Distinct()];
        return new ReportTable("Candidates",
            ["candidate", "rank", .. settings, "held-out loss", .. measures, "seconds", "numbers trained", "note"],
            [.. results.Candidates.Select((one, place) => (IReadOnlyList<string>)
            [
                one.Name, Text($"{place + 1}"),
                .. settings.Select(name => one.Settings.GetValueOrDefault(name, "")),
                Shows(one.HeldOutLoss, 3),
                .. measures.Select(name => ShowsMeasure(one, name)),
                Number(one.Runs.Average(run => run.TrainingSeconds), 1),
                Text($"{one.Runs.Max(run => run.TrainedParameters):N0}"),
                one.IsWithinSpread ? "within the spread" : NoteOf(one),
            ])])
        { IsSortable = true };
    }

    private static string NoteOf(SweepCandidateResult one) => string.Join(", ", one.Runs
        .Where(run => run.Status != SweepRunStatus.Done).CountBy(run => run.Status)
        .Select(pair => pair.Value == one.Runs.Count ? Word(pair.Key) : Text($"{pair.Value} {Word(pair.Key)}")));

    private static ReportTable RunTable(SweepResults results) => new("Runs",
        ["candidate", "run", "seed", "status", "at the start", "held-out loss", "best step", "epochs", "rows",
            "seconds", "peak MB", "stored KB"],
        [.. results.Runs.Select(run => (IReadOnlyList<string>)
        [
            run.Name, Text($"{run.Number}"), Text($"{run.Seed}"),
            run.Error is { } error ? $"{Word(run.Status)}: {error}" : Word(run.Status),
            Number(run.StartLoss ?? double.NaN, 3), Number(run.HeldOutLoss ?? double.NaN, 3),
            Text($"{run.BestStep:N0}"), Text($"{run.Epochs:N0}"), Text($"{run.TrainingRows:N0}"),
            Number(run.TrainingSeconds, 1), Text($"{run.PeakMemory / 1e6:N0}"), Text($"{run.StoredBytes / 1e3:N0}"),
        ])])
    { IsSortable = true };

    /// <summary>For each of the first inputs what the best candidates wrote.</summary>
    private static IEnumerable<ReportTable> TextTables(SweepResults results)
    {
        SweepCandidateResult[] best = [.. results.Candidates.Where(one => one.BestRun?.Texts.Count > 0).Take(Shown)];
        string[] inputs = [.. best.SelectMany(one => one.BestRun!.Texts.Select(text => text.Input)).Distinct()];
        foreach (string input in inputs)
        {
            yield return new ReportTable($"Texts for: {input}", ["candidate", "text"],
                [.. best.Select(one => (IReadOnlyList<string>)[one.Name,
                    one.BestRun!.Texts.FirstOrDefault(text => text.Input == input)?.Text ?? None])])
            { IsText = true };
        }
    }

    private static IEnumerable<ReportListing> Listings(SweepResults results)
    {
        if (results.Best is not { } best)
            yield break;
        SweepCandidateResult first = results.Candidates[0];
        if (first.Command is { } command)
            yield return new ReportListing("The best options as a command", Text($"{command} --seed {best.Seed}"));
        yield return new ReportListing("The best options in C#", CodeOf(first.Code, best.Seed));
    }

    /// <summary>Options with a seed, which they do not name.</summary>
    private static string CodeOf(string code, int seed)
    {
        string named = Text($"Seed = {seed}");
        const string Training = "new TrainingOptions { ", Tuning = "new PrefixTuningOptions { ";
        if (code.Contains(Training, StringComparison.Ordinal))
            return code.Replace(Training, $"{Training}{named}, ", StringComparison.Ordinal);
        string training = $"Training = {Training}{named} }}";
        return code.StartsWith(Tuning, StringComparison.Ordinal) ? $"{Tuning}{training}, {code[Tuning.Length..]}"
            : $"{Tuning}{training} }}";
    }

    // Shares have figures behind the point only.
    private static int DecimalsOf(string measure) => measure.StartsWith("ROUGE", StringComparison.Ordinal)
        || measure.Split(',')[0] is "METEOR" or "exact match" or "drift" or "other task" or "WebNLG METEOR"
            or "WebNLG TER" or "as asked" or "different texts" or "judge is right" ? 3 : 2;

    private static string Number(double value, int decimals) =>
        double.IsFinite(value) ? value.ToString($"N{decimals}", CultureInfo.InvariantCulture) : None;

    private static string Time(double seconds)
    {
        TimeSpan time = TimeSpan.FromSeconds(seconds);
        return time.TotalHours >= 1 ? Text($"{(int)time.TotalHours:N0} h {time.Minutes} min")
            : time.TotalMinutes >= 1 ? Text($"{time.Minutes} min {time.Seconds} s") : Text($"{seconds:F1} s");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
