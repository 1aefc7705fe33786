using System.Collections.Generic;
using System.Linq;
using System.Text;
using static Microsoft.ML.PrefixTuning.Reports.HtmlText;

namespace Microsoft.ML.PrefixTuning.Reports;

/// <summary>
/// Writes a report as one HTML page that needs no network, no script and no other file. It is well-formed XML too.
/// </summary>
internal static class HtmlReport
{
    /// <summary>The page.</summary>
    public static string Write(ReportContent content)
    {
        var html = new StringBuilder("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
            + "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n");
        html.Append($"<title>{Encode(content.Title)}</title>\n<style>\n{ReportStyle.Sheet}\n</style>\n</head>\n");
        html.Append($"<body>\n<main>\n<h1>{Encode(content.Title)}</h1>\n");
        if (content.Subtitle.Length > 0)
            html.Append($"<p class=\"subtitle\">{Encode(content.Subtitle)}</p>\n");
        AppendFigures(html, content.KeyFigures);
        foreach (LinePlot plot in content.Plots)
            html.Append($"<figure>\n<h2>{Encode(plot.Title)}</h2>\n{SvgLinePlot.Write(plot)}\n</figure>\n");
        foreach (ReportTable table in content.Tables)
            AppendTable(html, table);
        return html.Append("</main>\n</body>\n</html>\n").ToString();
    }

    private static void AppendFigures(StringBuilder html, IReadOnlyList<KeyFigure> figures)
    {
        if (figures.Count == 0)
            return;
        html.Append("<dl class=\"figures\">\n");
        foreach (KeyFigure figure in figures)
        {
            string note = figure.Note.Length > 0 ? $"<div class=\"note\">{Encode(figure.Note)}</div>" : "";
            html.Append($"<div><dt>{Encode(figure.Name)}</dt><dd>{Encode(figure.Value)}{note}</dd></div>\n");
        }
        html.Append("</dl>\n");
    }

    private static void AppendTable(StringBuilder html, ReportTable table)
    {
        html.Append($"<section>\n<h2>{Encode(table.Title)}</h2>\n<div class=\"scroll\"><table>\n");
        if (table.Columns.Any(column => column.Length > 0))
            html.Append($"<thead>{Row("th", table.Columns)}</thead>\n");
        html.Append("<tbody>\n");
        foreach (IReadOnlyList<string> row in table.Rows)
            html.Append($"{Row("td", row)}\n");
        html.Append("</tbody>\n</table></div>\n</section>\n");
    }

    private static string Row(string element, IReadOnlyList<string> cells) =>
        $"<tr>{string.Concat(cells.Select(cell => $"<{element}>{Encode(cell)}</{element}>"))}</tr>";
}
