using System.Collections.Generic;
using System.Linq;
using System.Text;
using static Microsoft.ML.PrefixTuning.Reports.HtmlText;

namespace Microsoft.ML.PrefixTuning.Reports;

/// <summary>
/// Writes a report as one HTML page that needs no network and no other file, and no script but where a table can be
/// sorted. It is well-formed XML too.
/// </summary>
internal static class HtmlReport
{
    // Without the two letters that XML would read. Figures before words, and what is equal stays in its order.
    private const string Sorting = """
        document.querySelectorAll("table.sortable th button").forEach(button => button.onclick = () => {
          const head = button.parentElement, heads = Array.from(head.parentElement.children);
          const place = heads.indexOf(head), body = head.closest("table").tBodies[0];
          const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
          heads.forEach(other => other.removeAttribute("aria-sort"));
          head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
          const text = row => row.children[place].textContent;
          const number = row => parseFloat(text(row).replaceAll(",", ""));
          const compare = (a, b) => isNaN(number(a)) || isNaN(number(b))
            ? (isNaN(number(a)) - isNaN(number(b))) || text(a).localeCompare(text(b)) : number(a) - number(b);
          Array.from(body.rows).sort((a, b) => sign * compare(a, b)).forEach(row => body.append(row));
        });
        """;

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
        foreach (ReportListing listing in content.Listings)
        {
            html.Append($"<section>\n<h2>{Encode(listing.Title)}</h2>\n");
            html.Append($"<pre><code>{Encode(listing.Text)}</code></pre>\n</section>\n");
        }
        if (content.Tables.Any(table => table.IsSortable))
            html.Append($"<script>\n{Sorting}\n</script>\n");
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
        html.Append($"<section>\n<h2>{Encode(table.Title)}</h2>\n<div class=\"scroll\">"
            + $"<table{Class(table)}>\n");
        if (table.Columns.Any(column => column.Length > 0))
            html.Append($"<thead>{(table.IsSortable ? Buttons(table.Columns) : Row("th", table.Columns))}</thead>\n");
        html.Append("<tbody>\n");
        foreach (IReadOnlyList<string> row in table.Rows)
            html.Append($"{Row("td", row)}\n");
        html.Append("</tbody>\n</table></div>\n</section>\n");
    }

    private static string Class(ReportTable table) => (table.IsSortable, table.IsText) switch
    {
        (true, _) => " class=\"sortable\"",
        (_, true) => " class=\"texts\"",
        _ => "",
    };

    private static string Buttons(IReadOnlyList<string> columns) => string.Concat(columns.Select(column =>
        $"<th scope=\"col\"><button type=\"button\">{Encode(column)}</button></th>").Prepend("<tr>").Append("</tr>"));

    private static string Row(string element, IReadOnlyList<string> cells) =>
        $"<tr>{string.Concat(cells.Select(cell => $"<{element}>{Encode(cell)}</{element}>"))}</tr>";
}
