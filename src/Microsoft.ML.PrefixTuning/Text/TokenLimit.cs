using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>So many tokens of a text and no more, cut between characters.</summary>
internal static class TokenLimit
{
    /// <summary>The first tokens.</summary>
    /// <param name="spans">The characters of the tokens, of the whole text or of one more token than allowed.</param>
    /// <param name="most">Tokens at most.</param>
    /// <param name="length">Characters of the text.</param>
    /// <returns>How many tokens there are, and where their characters end.</returns>
    public static (int Count, int End) FromStart(IReadOnlyList<(int Begin, int End)> spans, int most, int length)
    {
        if (spans.Count <= most)
            return (spans.Count, length);
        int count = most;
        while (count > 0 && !IsBoundary(spans, count))
            count--;
        return (count, count == 0 ? 0 : spans[count - 1].End);
    }

    /// <summary>The last tokens.</summary>
    /// <inheritdoc cref="FromStart"/>
    /// <returns>How many tokens there are, and where their characters begin.</returns>
    public static (int Count, int Begin) FromEnd(IReadOnlyList<(int Begin, int End)> spans, int most, int length)
    {
        int first = Math.Max(0, spans.Count - most);
        if (first == 0)
            return (spans.Count, 0);
        while (first < spans.Count && !IsBoundary(spans, first))
            first++;
        return (spans.Count - first, first == spans.Count ? length : spans[first].Begin);
    }

    // Tokens that share a character cannot be parted.
    private static bool IsBoundary(IReadOnlyList<(int Begin, int End)> spans, int index) =>
        spans[index - 1].End <= spans[index].Begin;
}
