using System;
using System.Collections.Generic;
using System.Linq;
using ScottPlot;

namespace Microsoft.ML.PrefixTuning.Studies;

/// <summary>Figures of candidates as an SVG: lines over a setting with their spread, or a point each.</summary>
internal static class StudyPlot
{
    private const int Width = 720, Height = 400;

    /// <summary>Draws one.</summary>
    /// <returns>The SVG; null where there is no figure yet.</returns>
    public static string? Draw(StudyFile file, string measure, IReadOnlyList<SweepCandidateResult> candidates,
        Func<SweepCandidateResult, SweepFigure?> figureOf)
    {
        SweepCandidateResult[] known = [.. candidates.Where(one => figureOf(one) is not null)];
        if (known.Length == 0)
            return null;
        // Places of an axis are the file's values in their order, evenly apart, whatever they are.
        string[] places = [.. candidates.Select(PlaceOf).Distinct()];
        using var plot = new Plot();
        foreach (IGrouping<string, SweepCandidateResult> line in known.GroupBy(SeriesOf))
        {
            var points = line.Select(one => (X: (double)Array.IndexOf(places, PlaceOf(one)), Y: figureOf(one)!))
                .GroupBy(point => point.X).Select(group => group.MinBy(point => point.Y.Mean))
                .OrderBy(point => point.X).ToArray();
            double[] xs = [.. points.Select(point => point.X)], ys = [.. points.Select(point => point.Y.Mean)];
            var drawn = plot.Add.Scatter(xs, ys);
            drawn.LegendText = line.Key;
            if (file.X is null)
                drawn.LineWidth = 0;
            plot.Add.ErrorBar(xs, ys, [.. points.Select(point => point.Y.Spread ?? 0)]).Color = drawn.Color;
        }
        plot.Axes.Bottom.SetTicks([.. places.Select((_, place) => (double)place)], places);
        plot.XLabel(file.X ?? "");
        plot.YLabel(measure);
        if (file.Series is not null)
            plot.ShowLegend();
        return plot.GetSvgXml(Width, Height);

        string PlaceOf(SweepCandidateResult one) => file.X is { } x ? one.Settings.GetValueOrDefault(x, "") : one.Name;

        string SeriesOf(SweepCandidateResult one) =>
            file.Series is { } series ? one.Settings.GetValueOrDefault(series, "") : "";
    }
}
