using System;
using System.Text.RegularExpressions;

namespace Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

/// <summary>
/// The tokenisation of Tercom as sacreBLEU has it: words between white space, lower case unless asked otherwise; on
/// request punctuation is set apart as mteval does it, with <c>'s</c> as a word of its own, and punctuation is removed.
/// </summary>
/// <remarks>Source: sacreBLEU 2.6.0, <c>tokenizer_ter.py</c>.</remarks>
internal static partial class TercomTokenizer
{
    /// <summary>The tokens of a text; none is empty.</summary>
    public static string[] Tokens(string text, TerOptions options)
    {
        text = Whitespace.TrimEnd(text);
        if (!options.CaseSensitive)
            text = LowerCase.Of(text);
        if (options.Normalize)
            text = Normalize(text, options.EastAsian);
        if (options.RemovePunctuation)
        {
            text = RemovedPunctuation.Replace(text, "");
            if (options.EastAsian)
                text = EastAsianPunctuation.Replace(text, "");
        }
        return Whitespace.Split(text);
    }

    private static string Normalize(string text, bool eastAsian)
    {
        text = text.Replace("\n-", "", StringComparison.Ordinal).Replace('\n', ' ');
        text = MtevalTokenizer.SeparateSymbols($" {Entities.Unescape(text)} ");
        text = MtevalTokenizer.SeparatePoints(text.Replace("'s ", " 's ", StringComparison.Ordinal));
        // Characters count as words there.
        return eastAsian ? EastAsianPunctuation.Replace(EastAsianCharacter.Replace(text, " $1 "), " $1 ") : text;
    }

    [GeneratedRegex("[.,?:;!\"()]")]
    private static partial Regex RemovedPunctuation { get; }

    // Radicals, strokes, enclosed and compatibility forms, ideographs; the odd limit 3F22 is the source's.
    [GeneratedRegex("([\u2e80-\u2eff\u31c0-\u31ef\u3200-\u3f22\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f])")]
    private static partial Regex EastAsianCharacter { get; }

    [GeneratedRegex("([\u3001\u3002\u3008-\u3011\u3014-\u301f\u30fb"
        + "\uff01\uff02\uff08\uff09\uff0c\uff0e\uff1a\uff1b\uff1f\uff61-\uff65])")]
    private static partial Regex EastAsianPunctuation { get; }
}
