using System;

namespace Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

/// <summary>
/// The tokenisation of Tercom as sacreBLEU has it: words between white space, in lower case; on request punctuation is
/// set apart as mteval does it, with <c>'s</c> as a word of its own.
/// </summary>
/// <remarks>Source: sacreBLEU 2.6.0, <c>tokenizer_ter.py</c>.</remarks>
internal static class TercomTokenizer
{
    /// <summary>The tokens of a text; none is empty.</summary>
    public static string[] Tokens(string text, bool normalize)
    {
        text = LowerCase.Of(Whitespace.TrimEnd(text));
        return Whitespace.Split(normalize ? Normalize(text) : text);
    }

    private static string Normalize(string text)
    {
        text = text.Replace("\n-", "", StringComparison.Ordinal).Replace('\n', ' ');
        text = MtevalTokenizer.SeparateSymbols($" {Entities.Unescape(text)} ");
        return MtevalTokenizer.SeparatePoints(text.Replace("'s ", " 's ", StringComparison.Ordinal));
    }
}
