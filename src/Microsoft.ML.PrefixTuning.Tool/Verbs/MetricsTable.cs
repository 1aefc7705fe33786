using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Spectre.Console;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>Measures as a table.</summary>
internal static class MetricsTable
{
    /// <summary>Lays them out: name, figure, scale.</summary>
    public static Table Make(TextGenerationMetrics metrics)
    {
        Table table = new Table().Border(TableBorder.Simple).AddColumn("measure")
            .AddColumn(new TableColumn("figure").RightAligned()).AddColumn("scale");
        foreach ((string name, string figure, string scale) in Lines(metrics))
            table.AddRow(Markup.Escape(name), Markup.Escape(figure), Markup.Escape(scale));
        return table;
    }

    private static IEnumerable<(string, string, string)> Lines(TextGenerationMetrics metrics)
    {
        const string share = "0 to 1", hundred = "0 to 100", open = "0 and more", words = "words";
        yield return ("texts", metrics.SegmentCount.ToString("N0", CultureInfo.InvariantCulture), "");
        yield return ("BLEU", Show(metrics.Bleu, 2), hundred);
        yield return ("BLEU-1 to -4", string.Join(" ", metrics.BleuByOrder.Select(bleu => Show(bleu, 2))), hundred);
        yield return ("brevity penalty", Show(metrics.BleuBrevityPenalty, 4), share);
        yield return ("ROUGE-1 F", Show(metrics.Rouge1.F, 4), share);
        yield return ("ROUGE-2 F", Show(metrics.Rouge2.F, 4), share);
        yield return ("ROUGE-L F", Show(metrics.RougeL.F, 4), share);
        yield return ("ROUGE-Lsum F", Show(metrics.RougeLsum.F, 4), share);
        yield return ("chrF", Show(metrics.ChrF, 2), hundred);
        yield return ("chrF++", Show(metrics.ChrFPlusPlus, 2), hundred);
        yield return ("METEOR", Show(metrics.Meteor, 4), share);
        yield return ("NIST", Show(metrics.Nist, 4), open);
        yield return ("CIDEr", Show(metrics.Cider, 4), "0 to 10");
        yield return ("TER", Show(metrics.Ter, 2), "0 and more, lower is better");
        yield return ("exact match", Show(metrics.ExactMatch, 4), share);
        yield return ("length of texts", Show(metrics.OutputLength, 2), words);
        yield return ("length of references", Show(metrics.ReferenceLength, 2), words);
        yield return ("as E2E papers", "", "");
        yield return ("  BLEU", Show(metrics.E2E.Bleu, 2), hundred);
        yield return ("  NIST", Show(metrics.E2E.Nist, 2), open);
        yield return ("  METEOR", Show(metrics.E2E.Meteor, 2), hundred);
        yield return ("  ROUGE-L", Show(metrics.E2E.RougeL, 2), hundred);
        yield return ("  CIDEr", Show(metrics.E2E.Cider, 2), "0 to 10");
        yield return ("as WebNLG papers", "", "");
        yield return ("  BLEU", Show(metrics.WebNlg.Bleu, 2), hundred);
        yield return ("  METEOR", Show(metrics.WebNlg.Meteor, 2), share);
        yield return ("  TER", Show(metrics.WebNlg.Ter, 2), "0 and more, lower is better");
    }

    private static string Show(double figure, int decimals) =>
        figure.ToString($"F{decimals}", CultureInfo.InvariantCulture);
}
