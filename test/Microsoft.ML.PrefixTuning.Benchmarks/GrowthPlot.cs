using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using ScottPlot;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// Figures over an axis: a table, and a plot that starts at zero, in which what is linear is straight.
/// </summary>
internal static class GrowthPlot
{
    private const int Width = 720, Height = 360;

    /// <summary>A table in Markdown.</summary>
    public static string Table(string unit, IReadOnlyList<GrowthPoint> points)
    {
        string[] names = Names(points);
        var table = new StringBuilder($"| {unit} | {string.Join(" | ", names)} |\n|---:|");
        table.Append(string.Concat(names.Select(_ => "---:|"))).Append('\n');
        foreach (GrowthPoint point in points)
        {
            table.Append(CultureInfo.InvariantCulture, $"| {point.X:#,0} |")
                .AppendJoin("", names.Select(name => point.Figures.TryGetValue(name, out double figure)
                    ? string.Create(CultureInfo.InvariantCulture, $" {figure:0.###} |") : " |")).Append('\n');
        }
        return table.ToString();
    }

    /// <summary>An SVG.</summary>
    public static string Draw(string unit, IReadOnlyList<GrowthPoint> points)
    {
        using var plot = new Plot();
        foreach (string name in Names(points))
        {
            GrowthPoint[] known = [.. points.Where(point => point.Figures.ContainsKey(name))];
            var line = plot.Add.Scatter(known.Select(point => point.X).ToArray(),
                known.Select(point => point.Figures[name]).ToArray());
            line.LegendText = name;
        }
        plot.Axes.SetLimits(0, 1.05 * points.Max(point => point.X), 0,
            1.1 * points.SelectMany(point => point.Figures.Values).Max());
        plot.XLabel(unit);
        plot.ShowLegend(Alignment.UpperLeft);
        return plot.GetSvgXml(Width, Height);
    }

    private static string[] Names(IReadOnlyList<GrowthPoint> points) =>
        [.. points.SelectMany(point => point.Figures.Keys).Distinct()];
}
