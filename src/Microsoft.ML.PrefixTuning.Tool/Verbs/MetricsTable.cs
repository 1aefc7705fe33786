using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Spectre.Console;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>Measures as a table; those that were left out have no line.</summary>
internal static class MetricsTable
{
    private const string Share = "0 to 1", Hundred = "0 to 100", Open = "0 and more", Words = "words";
    private const string Lower = "0 and more, lower is better";

    /// <summary>Lays them out: name, figure, scale.</summary>
    public static Table Make(TextGenerationMetrics metrics)
    {
        Table table = new Table().Border(TableBorder.Simple).AddColumn("measure")
            .AddColumn(new TableColumn("figure").RightAligned()).AddColumn("scale");
        AddRow(table, "texts", metrics.SegmentCount.ToString("N0", CultureInfo.InvariantCulture), "");
        AddLines(table, Lines(metrics));
        AddPapers(table, "as E2E papers", Lines(metrics.E2E));
        AddPapers(table, "as WebNLG papers", Lines(metrics.WebNlg));
        return table;
    }

    private static IEnumerable<Line> Lines(TextGenerationMetrics metrics) =>
    [
        new("BLEU", 2, Hundred, metrics.Bleu),
        new($"BLEU-1 to -{metrics.BleuByOrder.Count}", 2, Hundred, [.. metrics.BleuByOrder]),
        new("brevity penalty", 4, Share, metrics.BleuBrevityPenalty),
        new("ROUGE-1 F", 4, Share, metrics.Rouge1.F),
        new("ROUGE-2 F", 4, Share, metrics.Rouge2.F),
        new("ROUGE-L F", 4, Share, metrics.RougeL.F),
        new("ROUGE-Lsum F", 4, Share, metrics.RougeLsum.F),
        new("chrF", 2, Hundred, metrics.ChrF),
        new("chrF++", 2, Hundred, metrics.ChrFPlusPlus),
        new("METEOR", 4, Share, metrics.Meteor),
        new("NIST", 4, Open, metrics.Nist),
        new("CIDEr", 4, "0 to 10", metrics.Cider),
        new("TER", 2, Lower, metrics.Ter),
        new("exact match", 4, Share, metrics.ExactMatch),
        new("length of texts", 2, Words, metrics.OutputLength),
        new("length of references", 2, Words, metrics.ReferenceLength),
    ];

    private static IEnumerable<Line> Lines(E2EMetrics metrics) =>
    [
        new("  BLEU", 2, Hundred, metrics.Bleu),
        new("  NIST", 2, Open, metrics.Nist),
        new("  METEOR", 2, Hundred, metrics.Meteor),
        new("  ROUGE-L", 2, Hundred, metrics.RougeL),
        new("  CIDEr", 2, "0 to 10", metrics.Cider),
    ];

    private static IEnumerable<Line> Lines(WebNlgMetrics metrics) =>
    [
        new("  BLEU", 2, Hundred, metrics.Bleu),
        new("  METEOR", 2, Share, metrics.Meteor),
        new("  TER", 2, Lower, metrics.Ter),
    ];

    private static void AddPapers(Table table, string title, IEnumerable<Line> lines)
    {
        Line[] measured = [.. lines.Where(line => line.IsMeasured)];
        if (measured.Length > 0)
            AddRow(table, title, "", "");
        AddLines(table, measured);
    }

    private static void AddLines(Table table, IEnumerable<Line> lines)
    {
        foreach (Line line in lines.Where(line => line.IsMeasured))
            AddRow(table, line.Name, line.Shown, line.Scale);
    }

    private static void AddRow(Table table, string name, string figure, string scale) =>
        table.AddRow(Markup.Escape(name), Markup.Escape(figure), Markup.Escape(scale));

    private sealed record Line(string Name, int Decimals, string Scale, params double[] Figures)
    {
        public bool IsMeasured => Figures.Length > 0 && !Figures.Any(double.IsNaN);

        public string Shown =>
            string.Join(" ", Figures.Select(figure => figure.ToString($"F{Decimals}", CultureInfo.InvariantCulture)));
    }
}
