using System;
using System.Text.RegularExpressions;

namespace Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

/// <summary>
/// The tokenisation of NIST's mteval-v13a, which sacreBLEU calls <c>13a</c> and the E2E challenge's scripts use too:
/// <c>&lt;skipped&gt;</c> and end-of-line hyphenation go, four SGML entities are read, ASCII punctuation stands alone,
/// but an apostrophe never does, a period or comma not between digits, a hyphen only behind a digit. Case is kept.
/// </summary>
/// <remarks>Source: sacreBLEU 2.6.0, <c>tokenizer_13a.py</c> and <c>tokenizer_re.py</c>.</remarks>
internal static partial class MtevalTokenizer
{
    private static readonly string[] OneEmptyToken = [""];

    /// <summary>The tokens of a text; none is empty.</summary>
    public static string[] Tokens(string text)
    {
        text = text.Replace("<skipped>", "", StringComparison.Ordinal).Replace("-\n", "", StringComparison.Ordinal)
            .Replace('\n', ' ');
        text = Entities.Unescape(text);
        return Whitespace.Split(SeparatePoints(SeparateSymbols($" {text} ")));
    }

    /// <summary>The tokens of a text; a text without any counts as one empty token, as in pymteval.</summary>
    public static string[] TokensOrEmpty(string text) =>
        Tokens(text) is { Length: > 0 } tokens ? tokens : OneEmptyToken;

    /// <summary>Puts spaces around the punctuation that always stands alone.</summary>
    public static string SeparateSymbols(string text) => Symbol.Replace(text, " $1 ");

    /// <summary>Puts spaces around points, commas and hyphens, as far as they stand alone.</summary>
    public static string SeparatePoints(string text)
    {
        text = PointBehindOther.Replace(text, "$1 $2 ");
        text = PointBeforeOther.Replace(text, " $1 $2");
        return HyphenBehindDigit.Replace(text, "$1 $2 ");
    }

    [GeneratedRegex(@"([{-~[-` -&(-+:-@/])")]
    private static partial Regex Symbol { get; }

    [GeneratedRegex("([^0-9])([.,])")]
    private static partial Regex PointBehindOther { get; }

    [GeneratedRegex("([.,])([^0-9])")]
    private static partial Regex PointBeforeOther { get; }

    [GeneratedRegex("([0-9])(-)")]
    private static partial Regex HyphenBehindDigit { get; }
}
