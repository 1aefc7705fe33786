using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

/// <summary>
/// White space as Python knows it, which most metrics are defined in: Unicode's, and the four separators U+001C to
/// U+001F.
/// </summary>
internal static class Whitespace
{
    /// <summary>Whether a character is white space.</summary>
    public static bool Is(char character) => char.IsWhiteSpace(character) || character is >= '\u001c' and <= '\u001f';

    /// <summary>The words between white space; none of them is empty.</summary>
    public static string[] Split(string text)
    {
        var words = new List<string>(text.Length / 5 + 1);
        int start = 0;
        for (int i = 0; i <= text.Length; i++)
        {
            if (i < text.Length && !Is(text[i]))
                continue;
            if (i > start)
                words.Add(text[start..i]);
            start = i + 1;
        }
        return [.. words];
    }

    /// <summary>The text without white space at its end.</summary>
    public static string TrimEnd(string text)
    {
        int end = text.Length;
        while (end > 0 && Is(text[end - 1]))
            end--;
        return text[..end];
    }
}
