using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using ScottPlot;

namespace Microsoft.ML.PrefixTuning.Studies;

/// <summary>Figures of candidates as an SVG: lines over a setting with their spread, or a point each.</summary>
internal static class StudyPlot
{
    private const int Width = 720, Height = 400, NamedWidth = 900, NamedRow = 28, Frame = 80;

    /// <summary>Draws one.</summary>
    /// <returns>The SVG; null where there is no figure yet.</returns>
    public static string? Draw(StudyFile file, string measure, IReadOnlyList<SweepCandidateResult> candidates,
        Func<SweepCandidateResult, SweepFigure?> figureOf)
    {
        SweepCandidateResult[] known = [.. candidates.Where(one => figureOf(one) is not null)];
        if (known.Length == 0)
            return null;
        using var plot = new Plot();
        if (file.X is { } x)
        {
            Lines(plot, x, file.Series, measure, known, figureOf);
            return plot.GetSvgXml(Width, Height);
        }
        Names(plot, measure, known, figureOf);
        return plot.GetSvgXml(NamedWidth, Frame + NamedRow * known.Length);
    }

    /// <summary>Draws a line a series over the values of a setting.</summary>
    private static void Lines(Plot plot, string x, string? series, string measure,
        IReadOnlyList<SweepCandidateResult> known, Func<SweepCandidateResult, SweepFigure?> figureOf)
    {
        string[] places = Places(known.Select(PlaceOf));
        foreach (IGrouping<string, SweepCandidateResult> line in known.GroupBy(SeriesOf))
        {
            var points = line.Select(one => (X: (double)Array.IndexOf(places, PlaceOf(one)), Y: figureOf(one)!))
                .GroupBy(point => point.X).Select(group => group.MinBy(point => point.Y.Mean))
                .OrderBy(point => point.X).ToArray();
            double[] xs = [.. points.Select(point => point.X)], ys = [.. points.Select(point => point.Y.Mean)];
            var drawn = plot.Add.Scatter(xs, ys);
            drawn.LegendText = line.Key;
            plot.Add.ErrorBar(xs, ys, [.. points.Select(point => point.Y.Spread ?? 0)]).Color = drawn.Color;
        }
        plot.Axes.Bottom.SetTicks([.. places.Select((_, place) => (double)place)], places);
        plot.XLabel(x);
        plot.YLabel(measure);
        // Beside the frame: within it a point may lie below the legend.
        if (series is not null)
            plot.ShowLegend(Edge.Right);

        string PlaceOf(SweepCandidateResult one) => one.Settings.GetValueOrDefault(x, "");

        string SeriesOf(SweepCandidateResult one) =>
            series is null ? "" : one.Settings.GetValueOrDefault(series, "");
    }

    /// <summary>Draws a point a candidate, one below the other: names are too long for places side by side.</summary>
    private static void Names(Plot plot, string measure, IReadOnlyList<SweepCandidateResult> known,
        Func<SweepCandidateResult, SweepFigure?> figureOf)
    {
        double[] rows = [.. known.Select((_, row) => (double)-row)];
        SweepFigure[] figures = [.. known.Select(one => figureOf(one)!)];
        double[] means = [.. figures.Select(figure => figure.Mean)];
        double[] spreads = [.. figures.Select(figure => figure.Spread ?? 0)];
        var drawn = plot.Add.Scatter(means, rows);
        drawn.LineWidth = 0;
        var bars = plot.Add.ErrorBar(means, rows, spreads);
        (bars.XErrorPositive, bars.XErrorNegative, bars.YErrorPositive, bars.YErrorNegative) =
            (spreads, spreads, null, null);
        bars.Color = drawn.Color;
        plot.Axes.Left.SetTicks(rows, [.. known.Select(one => one.Name)]);
        plot.XLabel(measure);
    }

    /// <summary>The places of an axis, evenly apart: numbers by their size, other values in the file's order.</summary>
    internal static string[] Places(IEnumerable<string> values)
    {
        string[] places = [.. values.Distinct()];
        var numbers = new double[places.Length];
        for (int place = 0; place < places.Length; place++)
            if (!double.TryParse(places[place], CultureInfo.InvariantCulture, out numbers[place]))
                return places;
        Array.Sort(numbers, places);
        return places;
    }
}
