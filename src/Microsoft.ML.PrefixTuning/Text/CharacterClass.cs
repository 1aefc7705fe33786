using System.Globalization;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>What the pre-tokenizers' patterns tell apart: <c>\p{L}</c>, <c>\p{N}</c>, <c>\s</c> and the rest.</summary>
internal enum CharacterClass
{
    /// <summary><c>[^\s\p{L}\p{N}]</c>.</summary>
    Other,

    /// <summary><c>\p{L}</c>.</summary>
    Letter,

    /// <summary><c>\p{N}</c>: decimal digits, letter numbers and other numbers.</summary>
    Number,

    /// <summary><c>\s</c>; always one UTF-16 unit.</summary>
    Space,
}

/// <summary>
/// Classes of code points. .NET's regular expressions see UTF-16 units and take a letter beyond U+FFFF for two unknown
/// characters; the patterns of the tokenizers mean code points.
/// </summary>
internal static class CharacterClasses
{
    /// <summary>The class of the code point at an index.</summary>
    /// <param name="text">The text.</param>
    /// <param name="index">Where the code point begins.</param>
    /// <param name="width">UTF-16 units of the code point: 1 or 2.</param>
    public static CharacterClass At(string text, int index, out int width)
    {
        char first = text[index];
        width = 1;
        if (char.IsAscii(first))
            return OfAscii(first);
        if (char.IsHighSurrogate(first) && index + 1 < text.Length && char.IsLowSurrogate(text[index + 1]))
        {
            width = 2;
            return Of(Rune.GetUnicodeCategory(new Rune(first, text[index + 1])));
        }
        return char.IsWhiteSpace(first) ? CharacterClass.Space : Of(char.GetUnicodeCategory(first));
    }

    /// <summary>The end of the run of one class that begins at <paramref name="start"/>.</summary>
    /// <param name="text">The text.</param>
    /// <param name="start">Where the run begins.</param>
    /// <param name="end">Where the search ends.</param>
    /// <param name="wanted">The class.</param>
    /// <param name="longest">The most code points to take.</param>
    public static int RunEnd(string text, int start, int end, CharacterClass wanted, int longest = int.MaxValue)
    {
        while (start < end && longest-- > 0 && At(text, start, out int width) == wanted)
            start += width;
        return start;
    }

    private static CharacterClass OfAscii(char character) =>
        char.IsAsciiLetter(character) ? CharacterClass.Letter
        : char.IsAsciiDigit(character) ? CharacterClass.Number
        : char.IsWhiteSpace(character) ? CharacterClass.Space
        : CharacterClass.Other;

    private static CharacterClass Of(UnicodeCategory category) => category switch
    {
        <= UnicodeCategory.OtherLetter => CharacterClass.Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber =>
            CharacterClass.Number,
        _ => CharacterClass.Other,
    };
}
