using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// Strings that end a text and do not belong to it: found while it is written, cut off when it is done.
/// </summary>
/// <param name="strings">The strings, none of them empty.</param>
/// <param name="decode">Text of ids.</param>
internal sealed class Stops(IReadOnlyList<string> strings, Func<int[], string> decode)
{
    // A token that stands for text holds at least a byte of it, and a char is at most this many.
    private const int MostBytesPerChar = 3;

    private readonly int _newest = strings.Select(stop => stop.Length * MostBytesPerChar + 1).DefaultIfEmpty().Max();

    /// <summary>Whether a string has just become whole: then it ends within the newest tokens.</summary>
    /// <param name="ids">The new ids of a text.</param>
    public bool Reached(IReadOnlyList<int> ids)
    {
        if (strings.Count == 0)
            return false;
        string text = decode([.. ids.Skip(ids.Count - _newest)]);
        return strings.Any(stop => text.Contains(stop, StringComparison.Ordinal));
    }

    /// <summary>How much of a text that goes on is certain to stay: no string begins there, not even in part.</summary>
    /// <param name="text">What is written so far.</param>
    public int Certain(string text)
    {
        int certain = Cut(text).Length;
        if (certain < text.Length)
            return certain;
        foreach (string stop in strings)
        {
            for (int begun = Math.Min(stop.Length - 1, text.Length); begun > text.Length - certain; begun--)
            {
                if (text.AsSpan().EndsWith(stop.AsSpan(0, begun), StringComparison.Ordinal))
                    certain = text.Length - begun;
            }
        }
        return certain;
    }

    /// <summary>A text up to the first place where a string begins; all of it where none is there.</summary>
    public string Cut(string text)
    {
        int end = strings.Select(stop => text.IndexOf(stop, StringComparison.Ordinal)).Where(place => place >= 0)
            .DefaultIfEmpty(text.Length).Min();
        return text[..end];
    }
}
