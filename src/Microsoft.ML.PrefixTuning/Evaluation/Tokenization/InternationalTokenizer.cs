using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

/// <summary>
/// The tokenisation that sacreBLEU calls <c>intl</c>: Unicode's punctuation stands alone unless it is between digits
/// (or ends the text behind one), and every symbol stands alone.
/// </summary>
/// <remarks>Source: sacreBLEU 2.6.0, <c>tokenizer_intl.py</c>, from mteval-v14.</remarks>
internal static class InternationalTokenizer
{
    private static readonly Rune Space = new(' ');

    /// <summary>The tokens of a text; none is empty.</summary>
    public static string[] Tokens(string text)
    {
        List<Rune> runes = [.. text.EnumerateRunes()];
        runes = SeparatePairs(runes, (first, second) => !IsNumber(first) && IsPunctuation(second),
            (first, second) => [first, Space, second, Space]);
        runes = SeparatePairs(runes, (first, second) => IsPunctuation(first) && !IsNumber(second),
            (first, second) => [Space, first, Space, second]);
        var separated = new StringBuilder(text.Length * 2);
        foreach (Rune rune in runes)
            separated.Append(IsSymbol(rune) ? $" {rune} " : rune.ToString());
        return Whitespace.Split(separated.ToString());
    }

    // Pairs do not overlap: what belongs to one is not looked at again, as in a regular expression's replacement.
    private static List<Rune> SeparatePairs(List<Rune> runes, Func<Rune, Rune, bool> isPair, Func<Rune, Rune,
        Rune[]> write)
    {
        var separated = new List<Rune>(runes.Count * 2);
        for (int i = 0; i < runes.Count; i++)
        {
            if (i + 1 < runes.Count && isPair(runes[i], runes[i + 1]))
            {
                separated.AddRange(write(runes[i], runes[i + 1]));
                i++;
            }
            else
                separated.Add(runes[i]);
        }
        return separated;
    }

    private static bool IsNumber(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    private static bool IsPunctuation(Rune rune) => Rune.IsPunctuation(rune);

    private static bool IsSymbol(Rune rune) => Rune.IsSymbol(rune);
}
