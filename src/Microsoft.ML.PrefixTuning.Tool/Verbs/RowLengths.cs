using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>How long a row is for a base.</summary>
/// <param name="Place">Its file and line.</param>
/// <param name="Prompt">Tokens of the prompt, template included.</param>
/// <param name="Target">Tokens of the wanted text with the end token, or of the room that a new text has.</param>
internal readonly record struct RowLength(string Place, int Prompt, int Target);

/// <summary>Lengths of rows against a base's window, in words.</summary>
/// <param name="rows">The rows.</param>
/// <param name="window">Tokens that the window has beside the prefix.</param>
/// <param name="isShared">
/// Whether prompt and target stand in one window; an encoder-decoder base has one for each, and the longer decides.
/// </param>
internal sealed class RowLengths(IReadOnlyList<RowLength> rows, int window, bool isShared)
{
    private const int MostBars = 10, WidestBar = 40, ShownRows = 20;

    /// <summary>The lines: figures, a histogram, and the rows that do not fit.</summary>
    public IEnumerable<Described> Describe(string targetName)
    {
        yield return new("rows", FormattableString.Invariant($"{rows.Count:N0}"));
        yield return new("input", Figures([.. rows.Select(row => row.Prompt)]));
        yield return new(targetName, Figures([.. rows.Select(row => row.Target)]));
        int[] lengths = [.. rows.Select(LengthOf)];
        yield return new(isShared ? "together" : "longer of both", Figures(lengths));
        foreach (Described bar in Histogram(lengths))
            yield return bar;
        RowLength[] tooLong = [.. rows.Where(row => LengthOf(row) > window)];
        yield return new("truncated", tooLong.Length == 0 ? "none" : FormattableString.Invariant(
            $"{tooLong.Length:N0} of {rows.Count:N0} rows do not fit and are refused, or cut where an option says so"));
        foreach (RowLength row in tooLong.Take(ShownRows))
            yield return new("", FormattableString.Invariant($"{row.Place}: {LengthOf(row):N0} tokens"));
        if (tooLong.Length > ShownRows)
            yield return new("", FormattableString.Invariant($"and {tooLong.Length - ShownRows:N0} more"));
    }

    private int LengthOf(RowLength row) => isShared ? row.Prompt + row.Target : Math.Max(row.Prompt, row.Target);

    private static string Figures(int[] lengths)
    {
        int[] sorted = [.. lengths.Order()];
        return FormattableString.Invariant(
            $"{sorted[0]:N0} to {sorted[^1]:N0} tokens, half at most {Least(5):N0}, ")
            + FormattableString.Invariant($"nine of ten at most {Least(9):N0}");

        // The shortest length that so many of ten rows, or more, do not go beyond.
        int Least(long ofTen) => sorted[(int)((ofTen * sorted.Length + 9) / 10) - 1];
    }

    // Bars of one width up to the window, and one for what lies behind it.
    private IEnumerable<Described> Histogram(int[] lengths)
    {
        int longest = Math.Min(lengths.Max(), window), width = WidthOf(longest);
        var bars = new List<(string Name, int Count)>();
        for (int begin = 1; begin <= longest; begin += width)
        {
            int end = Math.Min(begin + width - 1, window);
            bars.Add(($"  {begin} to {end}", lengths.Count(length => length >= begin && length <= end)));
        }
        if (lengths.Count(length => length > window) is > 0 and int over)
            bars.Add(($"  over {window}", over));
        int most = bars.Max(bar => bar.Count);
        return bars.Select(bar => new Described(bar.Name, FormattableString.Invariant(
            $"{new string('#', (int)Math.Ceiling((double)bar.Count * WidestBar / most))} {bar.Count:N0}").TrimStart()));
    }

    // 1, 2 or 5 times a power of ten, so that the bars' names are round.
    private static int WidthOf(int longest)
    {
        for (int power = 1; ; power *= 10)
        {
            foreach (int factor in (int[])[1, 2, 5])
            {
                if ((long)factor * power * MostBars >= longest)
                    return factor * power;
            }
        }
    }
}
