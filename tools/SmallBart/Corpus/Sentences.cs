using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.SmallBart.Corpus;

/// <summary>Cuts English text into sentences by its marks alone: good enough for shuffling them.</summary>
internal static class Sentences
{
    private const string Ends = ".!?";
    private const string Closing = "\"')]’”";

    /// <summary>
    /// The sentences of a text; each but the first begins with the space before it, so that together they are the text.
    /// </summary>
    public static IEnumerable<string> Of(string text)
    {
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (!IsBoundary(text, i, start))
                continue;
            yield return text[start..i];
            start = i;
        }
        if (start < text.Length)
            yield return text[start..];
    }

    // A space behind an end mark, closing marks between them allowed, and before anything but a small letter.
    private static bool IsBoundary(string text, int place, int start)
    {
        if (text[place] != ' ' || place + 1 >= text.Length || char.IsLower(text[place + 1]))
            return false;
        int before = place - 1;
        while (before > start && Closing.Contains(text[before], StringComparison.Ordinal))
            before--;
        // One letter before a full stop is an initial.
        return before > start && Ends.Contains(text[before], StringComparison.Ordinal)
            && !(text[before] == '.' && char.IsUpper(text[before - 1])
                && (before - 2 < start || text[before - 2] is ' ' or '.'));
    }
}
