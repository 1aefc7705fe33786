using System;
using System.Collections.Generic;
using System.Globalization;

namespace Microsoft.ML.PrefixTuning.Reports;

/// <summary>A range of numbers with round marks on it.</summary>
/// <param name="Low">Where the axis begins.</param>
/// <param name="High">Where it ends, above <paramref name="Low"/>.</param>
/// <param name="Step">Distance of the marks: 1, 2 or 5 times a power of 10.</param>
internal sealed record PlotAxis(double Low, double High, double Step)
{
    private const double Rounding = 1e-9;

    /// <summary>An axis for values from <paramref name="low"/> to <paramref name="high"/>.</summary>
    /// <param name="low">The least value.</param>
    /// <param name="high">The greatest value; may equal the least.</param>
    /// <param name="marks">How many marks there should be, about.</param>
    /// <param name="widen">Whether the axis begins and ends at a mark.</param>
    public static PlotAxis Around(double low, double high, int marks, bool widen)
    {
        if (high - low <= Math.Abs(low) * Rounding)
        {
            // Steps, losses and rates that are all 0 have nothing below them.
            double margin = Math.Abs(low) / 10;
            (low, high) = low == 0 ? (0, 1) : (low - margin, high + margin);
        }
        double rough = (high - low) / marks, power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double step = power * (rough / power) switch { <= 1.5 => 1, <= 3 => 2, <= 7 => 5, _ => 10 };
        if (widen)
            (low, high) = (Math.Floor(low / step + Rounding) * step, Math.Ceiling(high / step - Rounding) * step);
        return new PlotAxis(low, high, step);
    }

    /// <summary>Where the marks are.</summary>
    public IEnumerable<double> Marks
    {
        get
        {
            for (double index = Math.Ceiling(Low / Step - Rounding); index * Step <= High + Step * Rounding; index++)
                yield return index * Step;
        }
    }

    /// <summary>Where a value lies between the axis's ends, from 0 to 1.</summary>
    public double Fraction(double value) => (value - Low) / (High - Low);

    /// <summary>A mark's label, no more exact than the marks are apart.</summary>
    public string Label(double mark)
    {
        double largest = Math.Max(Math.Abs(Low), Math.Abs(High));
        if (Math.Abs(mark) < Step / 2)
            return "0";
        if (largest < 1e-3 || largest >= 1e7)
            return mark.ToString("0.##e0", CultureInfo.InvariantCulture);
        int decimals = Math.Max(0, (int)-Math.Floor(Math.Log10(Step) + Rounding));
        return mark.ToString($"N{decimals}", CultureInfo.InvariantCulture);
    }
}
