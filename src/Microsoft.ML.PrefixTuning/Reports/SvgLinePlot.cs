using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using static Microsoft.ML.PrefixTuning.Reports.HtmlText;

namespace Microsoft.ML.PrefixTuning.Reports;

/// <summary>
/// Draws a plot as an SVG element for an HTML page with <see cref="ReportStyle"/>, which has its colours. Lines with
/// more points than the plot has pixels keep the least and the greatest value of every pixel column.
/// </summary>
internal sealed class SvgLinePlot
{
    private const int Width = 720;
    private const int Height = 320;
    private const int Left = 68;
    private const int Right = Width - 18;
    private const int Top = 34;
    private const int Bottom = Height - 50;
    private const int Colours = 4;
    private const int LegendGap = 26;
    private const int LegendHeight = 16;

    // The text's width is not known here; a letter of the legend takes about this many pixels.
    private const double LetterWidth = 6.6;

    private readonly LinePlot _plot;
    private readonly PlotAxis _x;
    private readonly PlotAxis _y;
    private readonly PlotLine[] _named;
    private readonly StringBuilder _svg = new();

    private SvgLinePlot(LinePlot plot, IReadOnlyList<PlotPoint> points)
    {
        (_plot, _named) = (plot, [.. plot.Lines.Where(line => !IsBackdrop(line))]);
        IEnumerable<double> xs = points.Select(point => point.X).Concat(plot.Marks.Select(mark => mark.X));
        _x = PlotAxis.Around(xs.Min(), xs.Max(), marks: 7, widen: false);
        double low = points.Min(point => point.Y);
        _y = PlotAxis.Around(plot.FromZero ? Math.Min(0, low)
            : low, points.Max(point => point.Y), marks: 5, widen: true);
    }

    /// <summary>The element; a line of text where no point is finite.</summary>
    public static string Write(LinePlot plot)
    {
        PlotPoint[] points = [.. plot.Lines.SelectMany(line => line.Points).Where(IsFinite)];
        return points.Length == 0 ? "<p class=\"empty\">No values.</p>" : new SvgLinePlot(plot, points).Draw();
    }

    private string Draw()
    {
        _svg.Append(
            Invariant($"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{Encode(_plot.Title)}\">\n"));
        DrawAxes();
        foreach (PlotMark mark in _plot.Marks.Where(mark => double.IsFinite(mark.X)))
            DrawMark(mark);
        foreach (PlotLine line in _plot.Lines.Where(IsBackdrop))
            DrawPath(line, "line backdrop");
        for (int i = 0; i < _named.Length; i++)
            DrawLine(_named[i], i % Colours + 1);
        DrawLegend();
        return _svg.Append("</svg>").ToString();
    }

    private void DrawAxes()
    {
        foreach (double mark in _y.Marks)
        {
            AddLine("grid", (Left, Y(mark)), (Right, Y(mark)));
            AddText("tick", "end", (Left - 8, Y(mark) + 4), _y.Label(mark));
        }
        foreach (double mark in _x.Marks)
        {
            AddLine("axis", (X(mark), Bottom), (X(mark), Bottom + 5));
            AddText("tick", "middle", (X(mark), Bottom + 19), _x.Label(mark));
        }
        AddLine("axis", (Left, Bottom), (Right, Bottom));
        AddText("title", "middle", ((Left + Right) / 2, Height - 10), _plot.XTitle);
        _svg.Append(Invariant($"<g transform=\"translate(15 {(Top + Bottom) / 2}) rotate(-90)\">"));
        AddText("title", "middle", (0, 0), _plot.YTitle);
        _svg.Append("</g>\n");
    }

    private void DrawMark(PlotMark mark)
    {
        double x = X(mark.X);
        bool atRight = x > (Left + Right) / 2.0;
        AddLine("mark", (x, Top), (x, Bottom));
        AddText("tick", atRight ? "end" : "start", (x + (atRight ? -6 : 6), Top + 12), mark.Name);
    }

    private void DrawLine(PlotLine line, int colour)
    {
        DrawPath(line, Class(line, colour));
        if (line.Style != PlotStyle.Dotted && line.Points.Count(IsFinite) > 1)
            return;
        foreach (PlotPoint point in line.Points.Where(IsFinite))
            AddDot(colour, (X(point.X), Y(point.Y)));
    }

    private void DrawPath(PlotLine line, string style)
    {
        var path = new StringBuilder();
        bool begins = true;
        foreach (PlotPoint point in Thin(line.Points))
        {
            if (IsFinite(point))
                path.Append(Invariant($"{(begins ? 'M' : 'L')}{X(point.X):0.#} {Y(point.Y):0.#}"));
            begins = !IsFinite(point);
        }
        _svg.Append(Invariant($"<path class=\"{style}\" d=\"{path}\"/>\n"));
    }

    private IEnumerable<PlotPoint> Thin(IReadOnlyList<PlotPoint> points)
    {
        if (points.Count <= 2 * (Right - Left))
            return points;
        return points.GroupBy(point => IsFinite(point) ? Math.Floor(X(point.X)) : double.NaN).SelectMany(column =>
        {
            PlotPoint least = column.MinBy(point => point.Y), greatest = column.MaxBy(point => point.Y);
            return least.X <= greatest.X ? new[] { least, greatest } : [greatest, least];
        });
    }

    private void DrawLegend()
    {
        double x = Left;
        for (int i = 0; i < _named.Length; i++)
        {
            PlotLine line = _named[i];
            int colour = i % Colours + 1;
            AddLine(Class(line, colour), (x, LegendHeight), (x + 18, LegendHeight));
            if (line.Style == PlotStyle.Dotted)
                AddDot(colour, (x + 9, LegendHeight));
            AddText("legend", "start", (x + 24, LegendHeight + 4), line.Name);
            x += 24 + LetterWidth * line.Name.Length + LegendGap;
        }
    }

    private void AddLine(string style, (double X, double Y) from, (double X, double Y) to) => _svg.Append(Invariant(
        $"<line class=\"{style}\" x1=\"{from.X:0.#}\" y1=\"{from.Y:0.#}\" x2=\"{to.X:0.#}\" y2=\"{to.Y:0.#}\"/>\n"));

    private void AddText(string style, string anchor, (double X, double Y) place, string text) => _svg.Append(Invariant(
        $"<text class=\"{style}\" text-anchor=\"{anchor}\" x=\"{place.X:0.#}\" y=\"{place.Y:0.#}\">"))
        .Append(Encode(text)).Append("</text>\n");

    private void AddDot(int colour, (double X, double Y) place) => _svg.Append(Invariant(
        $"<circle class=\"dot s{colour}\" r=\"3.5\" cx=\"{place.X:0.#}\" cy=\"{place.Y:0.#}\"/>\n"));

    private static string Class(PlotLine line, int colour) =>
        $"line s{colour}{(line.Style == PlotStyle.Faint ? " faint" : "")}";

    private double X(double value) => Left + _x.Fraction(value) * (Right - Left);

    private double Y(double value) => Bottom - _y.Fraction(value) * (Bottom - Top);

    private static bool IsBackdrop(PlotLine line) => line.Style == PlotStyle.Backdrop;

    private static bool IsFinite(PlotPoint point) => double.IsFinite(point.X) && double.IsFinite(point.Y);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
