using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Reports;

/// <summary>
/// Draws a plot as an SVG element for an HTML page with <see cref="ReportStyle"/>, which has its colours. Lines with more
/// points than the plot has pixels keep the least and the greatest value of every pixel column.
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

    // The text's width is not known here; a letter of the legend takes about this many pixels.
    private const double LetterWidth = 6.6;

    private readonly LinePlot _plot;
    private readonly PlotAxis _x;
    private readonly PlotAxis _y;
    private readonly StringBuilder _svg = new();

    private SvgLinePlot(LinePlot plot, IReadOnlyList<PlotPoint> points)
    {
        _plot = plot;
        IEnumerable<double> xs = points.Select(point => point.X).Concat(plot.Marks.Select(mark => mark.X));
        _x = PlotAxis.Around(xs.Min(), xs.Max(), marks: 7, widen: false);
        double low = points.Min(point => point.Y);
        _y = PlotAxis.Around(plot.FromZero ? Math.Min(0, low) : low, points.Max(point => point.Y), marks: 5, widen: true);
    }

    /// <summary>The element; a line of text where no point is finite.</summary>
    public static string Write(LinePlot plot)
    {
        PlotPoint[] points = [.. plot.Lines.SelectMany(line => line.Points).Where(IsFinite)];
        return points.Length == 0 ? "<p class=\"empty\">No values.</p>" : new SvgLinePlot(plot, points).Draw();
    }

    private string Draw()
    {
        _svg.Append(Invariant($"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{Encode(_plot.Title)}\">\n"));
        DrawAxes();
        foreach (PlotMark mark in _plot.Marks.Where(mark => double.IsFinite(mark.X)))
            DrawMark(mark);
        for (int i = 0; i < _plot.Lines.Count; i++)
            DrawLine(_plot.Lines[i], i % Colours + 1);
        DrawLegend();
        return _svg.Append("</svg>").ToString();
    }

    private void DrawAxes()
    {
        foreach (double mark in _y.Marks)
        {
            _svg.Append(Invariant($"<line class=\"grid\" x1=\"{Left}\" x2=\"{Right}\" y1=\"{Y(mark):0.#}\" y2=\"{Y(mark):0.#}\"/>"));
            _svg.Append(Invariant($"<text class=\"tick\" text-anchor=\"end\" x=\"{Left - 8}\" y=\"{Y(mark) + 4:0.#}\">{_y.Label(mark)}</text>\n"));
        }
        foreach (double mark in _x.Marks)
        {
            _svg.Append(Invariant($"<line class=\"axis\" x1=\"{X(mark):0.#}\" x2=\"{X(mark):0.#}\" y1=\"{Bottom}\" y2=\"{Bottom + 5}\"/>"));
            _svg.Append(Invariant($"<text class=\"tick\" text-anchor=\"middle\" x=\"{X(mark):0.#}\" y=\"{Bottom + 19}\">{_x.Label(mark)}</text>\n"));
        }
        _svg.Append(Invariant($"<line class=\"axis\" x1=\"{Left}\" x2=\"{Right}\" y1=\"{Bottom}\" y2=\"{Bottom}\"/>\n"));
        int middle = (Left + Right) / 2, centre = (Top + Bottom) / 2;
        _svg.Append(Invariant($"<text class=\"title\" text-anchor=\"middle\" x=\"{middle}\" y=\"{Height - 10}\">{Encode(_plot.XTitle)}</text>\n"));
        _svg.Append(Invariant($"<text class=\"title\" text-anchor=\"middle\" transform=\"translate(15 {centre}) rotate(-90)\">{Encode(_plot.YTitle)}</text>\n"));
    }

    private void DrawMark(PlotMark mark)
    {
        double x = X(mark.X);
        bool atRight = x > (Left + Right) / 2.0;
        _svg.Append(Invariant($"<line class=\"mark\" x1=\"{x:0.#}\" x2=\"{x:0.#}\" y1=\"{Top}\" y2=\"{Bottom}\"/>"));
        _svg.Append(Invariant($"<text class=\"tick\" text-anchor=\"{(atRight ? "end" : "start")}\" x=\"{x + (atRight ? -6 : 6):0.#}\" y=\"{Top + 12}\">{Encode(mark.Name)}</text>\n"));
    }

    private void DrawLine(PlotLine line, int colour)
    {
        var path = new StringBuilder();
        bool begins = true;
        foreach (PlotPoint point in Thin(line.Points))
        {
            if (IsFinite(point))
                path.Append(Invariant($"{(begins ? 'M' : 'L')}{X(point.X):0.#} {Y(point.Y):0.#}"));
            begins = !IsFinite(point);
        }
        string style = line.Style == PlotStyle.Faint ? " faint" : "";
        _svg.Append(Invariant($"<path class=\"line s{colour}{style}\" d=\"{path}\"/>\n"));
        bool isAlone = line.Points.Count(IsFinite) == 1;
        if (line.Style != PlotStyle.Dotted && !isAlone)
            return;
        foreach (PlotPoint point in line.Points.Where(IsFinite))
            _svg.Append(Invariant($"<circle class=\"dot s{colour}\" r=\"3.5\" cx=\"{X(point.X):0.#}\" cy=\"{Y(point.Y):0.#}\"/>\n"));
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
        for (int i = 0; i < _plot.Lines.Count; i++)
        {
            PlotLine line = _plot.Lines[i];
            string style = line.Style == PlotStyle.Faint ? " faint" : "";
            _svg.Append(Invariant($"<line class=\"line s{i % Colours + 1}{style}\" x1=\"{x:0.#}\" x2=\"{x + 18:0.#}\" y1=\"16\" y2=\"16\"/>"));
            _svg.Append(Invariant($"<text class=\"legend\" x=\"{x + 24:0.#}\" y=\"20\">{Encode(line.Name)}</text>\n"));
            x += 24 + LetterWidth * line.Name.Length + LegendGap;
        }
    }

    private double X(double value) => Left + _x.Fraction(value) * (Right - Left);

    private double Y(double value) => Bottom - _y.Fraction(value) * (Bottom - Top);

    private static bool IsFinite(PlotPoint point) => double.IsFinite(point.X) && double.IsFinite(point.Y);

    private static string Encode(string text) => WebUtility.HtmlEncode(text);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
