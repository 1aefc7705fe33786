using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Sweeps;

namespace Microsoft.ML.PrefixTuning.Studies;

/// <summary>The pages of a study: <c>NAME.md</c>, <c>NAME.jsonl</c>, <c>NAME-*.svg</c>.</summary>
internal static class StudyPage
{
    private const string Loss = "held-out loss", NotRun = "not run";

    /// <summary>Writes them.</summary>
    public static void Write(StudyFile file, SweepResults results, string folder, string name)
    {
        Directory.CreateDirectory(folder);
        StudyLines.Write(results, folder, name);
        SweepCandidateResult[] candidates = InOrder(results);
        var plots = new List<string>();
        foreach (string measure in file.Measures.Prepend(Loss))
        {
            if (StudyPlot.Draw(file, measure, candidates, one => FigureOf(one, measure)) is not { } svg)
                continue;
            string plot = $"{name}-{measure.Replace(' ', '-').Replace(",", "", StringComparison.Ordinal)}.svg";
            AtomicFile.Write(Path.Combine(folder, plot), Encoding.UTF8.GetBytes(svg));
            plots.Add($"![{measure}]({plot})");
        }
        AtomicFile.Write(Path.Combine(folder, $"{name}.md"),
            Encoding.UTF8.GetBytes(Text(file, results, candidates, plots, name)));
    }

    /// <summary>The page.</summary>
    public static string Text(StudyFile file, SweepResults results, IReadOnlyList<SweepCandidateResult> candidates,
        IReadOnlyList<string> plots, string name)
    {
        var page = new StringBuilder($"# {file.Title}\n\n**The paper.** {file.Paper.Trim()}\n\n");
        page.Append($"**Here.** {file.Setup.Trim()}\n\n{Table(file, candidates)}\n");
        foreach (string note in results.Notes)
            page.Append($"* {note}\n");
        page.Append(plots.Count > 0 ? $"\n{string.Join("\n\n", plots)}\n" : "");
        page.Append($"\n**What came out.** {file.Verdict?.Trim() ?? "Nobody has looked at these figures yet."}\n");
        if (file.Agreement is { } agreement)
            page.Append($"\n**Whether that agrees.** {agreement.Trim()}\n");
        page.Append(Texts(candidates));
        page.Append($"\nMade by `dotnet run -c Release --project tools/Studies -- {name} FOLDER` from"
            + $" [{name}.yaml]({name}.yaml); a line a run in [{name}.jsonl]({name}.jsonl). ± is the standard deviation"
            + " over the seeds, the loss is in nats a token over rows held out, and memory that of the process;"
            + $" {Made(results.Runs)}.\n");
        return page.ToString();
    }

    /// <summary>In what the runs were made: sittings on several machines may differ in it.</summary>
    private static string Made(IEnumerable<SweepRun> runs)
    {
        var precisions = runs.Select(run => run.Precision).OfType<ModelPrecision>().CountBy(precision => precision)
            .OrderBy(pair => pair.Key).Select(pair => $"{pair.Value} in {pair.Key}");
        return $"minutes are those of the machine; runs made: {string.Join(", ", precisions.DefaultIfEmpty("none"))}";
    }

    /// <summary>The candidates in the order of the file.</summary>
    public static SweepCandidateResult[] InOrder(SweepResults results) =>
        [.. results.Candidates.OrderBy(one => one.Runs[0].Number)];

    private static string Table(StudyFile file, IReadOnlyList<SweepCandidateResult> candidates)
    {
        string[] settings = [.. candidates.SelectMany(one => one.Settings.Keys).Distinct()];
        string[] heads =
        [
            .. settings, Loss, .. file.Measures, "numbers trained", "stored KB", "peak MB", "minutes", "runs",
        ];
        var table = new StringBuilder($"| {string.Join(" | ", heads)} |\n|");
        foreach (int place in Enumerable.Range(0, heads.Length))
            table.Append(place < settings.Length ? "---|" : "---:|");
        table.Append('\n');
        foreach (SweepCandidateResult one in candidates)
        {
            SweepRun[] done = [.. one.Runs.Where(run => run.Status == SweepRunStatus.Done)];
            IEnumerable<string> figures = done.Length == 0
                ? heads[settings.Length..^1].Select(_ => StatusOf(one))
                :
                [
                    SweepReport.Shows(one.HeldOutLoss, 3),
                    .. file.Measures.Select(measure => SweepReport.ShowsMeasure(one, measure)),
                    Number($"{done[0].TrainedParameters:N0}"), Number($"{done.Max(run => run.StoredBytes) / 1e3:N0}"),
                    Number($"{done.Max(run => run.PeakMemory) / 1e6:N0}"),
                    Number($"{done.Average(run => run.TrainingSeconds) / 60:F1}"),
                ];
            string[] cells =
            [
                .. settings.Select(name => one.Settings.GetValueOrDefault(name, "")), .. figures,
                Number($"{done.Length} of {one.Runs.Count}"),
            ];
            table.Append($"| {string.Join(" | ", cells.Select(Escape))} |\n");
        }
        return table.ToString();
    }

    private static string StatusOf(SweepCandidateResult one) =>
        one.Runs.Any(run => run.Status == SweepRunStatus.Failed) ? SweepReport.Word(SweepRunStatus.Failed) : NotRun;

    /// <summary>What each candidate wrote for the first inputs, side by side.</summary>
    private static string Texts(IReadOnlyList<SweepCandidateResult> candidates)
    {
        SweepCandidateResult[] written = [.. candidates.Where(one => one.BestRun?.Texts.Count > 0)];
        if (written.Length == 0)
            return "";
        var text = new StringBuilder();
        foreach (string input in written.SelectMany(one => one.BestRun!.Texts.Select(part => part.Input)).Distinct())
        {
            text.Append($"\n**Texts for** `{input.ReplaceLineEndings(" ")}`:\n\n| candidate | text |\n|---|---|\n");
            foreach (SweepCandidateResult one in written)
            {
                string own = one.BestRun!.Texts.FirstOrDefault(part => part.Input == input)?.Text ?? NotRun;
                text.Append($"| {Escape(one.Name)} | {Escape(own)} |\n");
            }
        }
        return text.ToString();
    }

    private static SweepFigure? FigureOf(SweepCandidateResult one, string measure) =>
        one.BestRun is null ? null : measure == Loss ? one.HeldOutLoss : one.Measures.GetValueOrDefault(measure);

    private static string Escape(string cell) =>
        cell.Replace("|", "\\|", StringComparison.Ordinal).ReplaceLineEndings(" ");

    private static string Number(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
