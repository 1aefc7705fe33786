using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Reports;

/// <summary>A training as a report: what was reached, how it got there, what it cost.</summary>
internal static class TrainingReport
{
    // The mean line shows the trend of a noisy loss: it covers this share of the steps.
    private const int MeanParts = 25;

    /// <summary>The report of a training.</summary>
    /// <param name="summary">The training.</param>
    /// <param name="command">The command that made it; null for none.</param>
    public static ReportContent Of(TrainingSummary summary, string? command = null) => new("Training of a prefix")
    {
        Subtitle = Subtitle(summary),
        KeyFigures = [.. KeyFigures(summary)],
        Plots = [.. Plots(summary)],
        Tables = [LossTable(summary), .. ExampleTables(summary), CountTable(summary), .. OriginTables(summary)],
        Listings = command is null ? [] : [new ReportListing("Command", command)],
    };

    private static string Subtitle(TrainingSummary summary)
    {
        if (summary.IsUntrained)
            return "Nothing was trained: the prefix is its start as it is.";
        string end = summary.End switch
        {
            TrainingEnd.EarlyStopping => ", since the validation loss no longer fell",
            TrainingEnd.Cancelled => " by cancellation",
            TrainingEnd.Diverged => ", since steps were no longer finite",
            _ => ", when all were done",
        };
        string what = summary.Distillation is { } distillation
            ? Text($"Distilled {CountText.Of(distillation.TeacherTokens, "token")} into")
                + Text($" {distillation.StudentTokens:N0}")
                : "Trained on wanted texts";
        return Text($"{what}; ended after {CountText.Of(summary.Losses.Count, "step")}{end}.");
    }

    private static IEnumerable<KeyFigure> KeyFigures(TrainingSummary summary)
    {
        if (summary is { BestLoss: double best, IsUntrained: false })
            yield return new KeyFigure($"Best validation {summary.LossName}", Loss(best),
                $"{Loss(summary.StartLoss)} at the start");
        else
            yield return new KeyFigure($"{Capital(summary.LossName)} at the start", Loss(summary.StartLoss),
                $"{Loss(summary.BaseLoss)} without a prefix");
        if (!summary.IsUntrained)
        {
            yield return new KeyFigure("Best step", Text($"{summary.BestStep:N0}"),
                Text($"of {summary.Losses.Count:N0}; epochs begun: {summary.Epochs:N0}"));
            yield return new KeyFigure("Tokens a second", Text($"{summary.TokensPerSecond:N0}"),
                $"{Time(summary.Duration)} in all");
        }
        if (summary.Distillation is { } distillation)
            yield return new KeyFigure("Tokens saved a row", Text($"{distillation.SavedTokens:N0}"),
                Text($"{distillation.TeacherTokens:N0} before, {distillation.StudentTokens:N0} now"));
        if (summary.Drift is { } drift)
            yield return new KeyFigure("Drift on plain text", drift.Increase.ToString("+0.000;-0.000;0.000",
                CultureInfo.InvariantCulture), $"{Loss(drift.BaseLoss)} without the prefix");
    }

    private static IEnumerable<LinePlot> Plots(TrainingSummary summary)
    {
        if (summary.Losses.Count > 0)
            yield return LossPlot(summary);
        // A search for words takes steps without a rate.
        if (summary.LearningRates.Any(rate => rate > 0))
            yield return RatePlot(summary);
    }

    private static LinePlot LossPlot(TrainingSummary summary)
    {
        int window = Math.Max(1, summary.Losses.Count / MeanParts);
        var lines = new List<PlotLine> { new("training, each step", Points(summary.Losses), PlotStyle.Faint) };
        if (window > 1)
            lines.Add(new PlotLine($"training, mean of {window} steps", Points(Means(summary.Losses, window))));
        if (summary.ValidationLosses.Count > 0)
            lines.Add(new PlotLine("validation",
                [.. summary.ValidationLosses.Select(point => new PlotPoint(point.Step, point.Loss))],
                PlotStyle.Dotted));
        return new LinePlot(Capital(summary.LossName), "step", $"{summary.LossName} in nats a token", lines)
        {
            Marks = [new PlotMark(summary.BestStep, Text($"best: step {summary.BestStep:N0}"))],
        };
    }

    private static LinePlot RatePlot(TrainingSummary summary) =>
        new("Learning rate", "step", "learning rate",
            [new PlotLine("learning rate", Points(summary.LearningRates))])
        { FromZero = true };

    private static ReportTable LossTable(TrainingSummary summary)
    {
        var rows = new List<IReadOnlyList<string>>
        {
            Row("base without a prefix", Loss(summary.BaseLoss)),
            Row("untrained prefix", Loss(summary.StartLoss)),
        };
        if (summary.BestLoss is double best)
            rows.Add(Row("kept prefix, validation rows", Loss(best)));
        if (summary.Drift is { } drift)
        {
            rows.Add(Row(Text($"plain text of {drift.Tokens:N0} tokens without the prefix, cross-entropy"),
                Loss(drift.BaseLoss)));
            rows.Add(Row("the same text with the kept prefix", Loss(drift.PrefixLoss)));
        }
        return new ReportTable("Before and after", ["", $"{summary.LossName} in nats a token"], rows);
    }

    private static IEnumerable<ReportTable> ExampleTables(TrainingSummary summary)
    {
        if (summary.Examples is not { Count: > 0 } examples)
            yield break;
        bool hasAttribute = examples[0].Attribute is not null;
        yield return new ReportTable("Rows held out",
            ["input", .. hasAttribute ? ["attribute"] : Array.Empty<string>(), "wanted", "base alone",
                "with the prefix"],
            [.. examples.Select(one => (IReadOnlyList<string>)[one.Input, .. hasAttribute ? [one.Attribute!]
                : Array.Empty<string>(), string.Join(" / ", one.Wanted), one.ByBase, one.ByPrefix])])
        { IsText = true };
    }

    private static IEnumerable<ReportTable> OriginTables(TrainingSummary summary)
    {
        if (summary.Origin is not { } origin)
            yield break;
        yield return new ReportTable("Options off their defaults", ["option", "value", "default"],
            [.. origin.Changed.Select(one => (IReadOnlyList<string>)[one.Name, one.Value, one.Default])])
        { IsText = true };
    }

    private static ReportTable CountTable(TrainingSummary summary)
    {
        var rows = new List<IReadOnlyList<string>>();
        if (summary.Origin is { } origin)
            rows.Add(Row("base", origin.Base));
        rows.AddRange(
        [
            Row("rows trained on", Rows(summary.TrainingRows, summary.TrainingSources)),
            Row("rows for validation", Rows(summary.ValidationRows, summary.ValidationSources)),
            Row("rows whose prompts were cut", Text($"{summary.TruncatedRows:N0}")),
            Row("steps", Text($"{summary.Losses.Count:N0}")),
            Row("steps that were not finite and changed nothing", Text($"{summary.FailedSteps:N0}")),
            Row("epochs begun", Text($"{summary.Epochs:N0}")),
            Row("tokens read", Text($"{summary.Tokens:N0}")),
            Row("time", Time(summary.Duration)),
            Row("numbers trained", Text($"{summary.TrainedParameters:N0}")),
            Row("numbers stored", Text($"{summary.StoredParameters:N0}")),
        ]);
        if (summary.MaxTokensPerPass is int most)
            rows.Add(Row("tokens a forward pass, at most", Text($"{most:N0}")));
        if (summary.SharedSources == true)
            rows.Add(Row("sources", "read once for the rows of a batch that share one"));
        if (summary.Recomputed == true)
            rows.Add(Row("layers", "run a second time for their gradient"));
        if (summary.Seed is int seed)
            rows.Add(Row("seed", Text($"{seed}")));
        if (summary.Distillation is { } distillation)
        {
            rows.Add(Row("temperature of the distillation", Text($"{distillation.Temperature}")));
            rows.Add(Row("most probable tokens compared", distillation.TopK == 0 ? "all"
                : Text($"{distillation.TopK:N0}")));
        }
        if (summary.TriggerWords is { } words)
            rows.Add(Row("trigger words", string.Join(' ', words.Select(FileText.Quote))));
        return new ReportTable("Counts", ["", ""], rows);
    }

    /// <summary>The mean of the finite values among the last ones, for every place.</summary>
    private static IEnumerable<double> Means(IReadOnlyList<double> values, int window)
    {
        for (int end = 1; end <= values.Count; end++)
        {
            double sum = 0;
            int count = 0;
            for (int i = Math.Max(0, end - window); i < end; i++)
            {
                if (!double.IsFinite(values[i]))
                    continue;
                sum += values[i];
                count++;
            }
            yield return count == 0 ? double.NaN : sum / count;
        }
    }

    private static PlotPoint[] Points(IEnumerable<double> values) =>
        [.. values.Select((value, index) => new PlotPoint(index + 1, value))];

    private static string Capital(string name) => char.ToUpperInvariant(name[0]) + name[1..];

    private static string Loss(double loss) => double.IsFinite(loss) ? Text($"{loss:F3}") : "not measured";

    private static string Time(TimeSpan duration) => duration switch
    {
        { TotalMinutes: < 1 } => Text($"{duration.TotalSeconds:F1} s"),
        { TotalHours: < 1 } => Text($"{duration.Minutes} min {duration.Seconds} s"),
        _ => Text($"{(int)duration.TotalHours:N0} h {duration.Minutes} min"),
    };

    private static string Rows(int rows, int? sources) =>
        sources is int known ? Text($"{rows:N0} of {CountText.Of(known, "source")}") : Text($"{rows:N0}");

    private static IReadOnlyList<string> Row(string name, string value) => [name, value];

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
