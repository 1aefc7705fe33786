using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;

namespace Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

/// <summary>
/// The tokenisation of METEOR 1.5 with <c>-norm</c>, for English: Moses' tokenizer, and in addition quotation marks and
/// dashes
/// are made alike, hyphens within words become spaces, dots within abbreviations go. Lower case.
/// </summary>
internal static partial class MeteorTokenizer
{
    // Latin, Cyrillic and phonetic letters.
    private const string Letters = "A-Za-z\u0160\u017d\u0161\u017e\u0178\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017e"
        + "\u0400-\u04ff\u0500-\u0527\ua640-\ua66e\ua67e-\ua697\u1d00-\u1d7f";

    // Runs of dots are kept together by a mark, DOTMULTI for one and DOT in front of it for each more.
    private const string Dot = "DOT";
    private const string Multi = "MULTI";

    private static readonly char[] Blanks = [' ', '\t', '\n', '\r', '\f'];

    /// <summary>The tokens of a text; none is empty.</summary>
    /// <param name="text">The text.</param>
    /// <param name="prefixes">Abbreviations that keep their dot; true for those that keep it only in front of a
    /// number.</param>
    public static string[] Tokens(string text, IReadOnlyDictionary<string, bool> prefixes)
    {
        text = OtherCharacter.Replace($" {text} ", " $1 ");
        text = MarkDots(text);
        text = CommaBehindDigit.Replace(CommaBetweenOthers.Replace(text, "$1 , $2"), "$1 , $2");
        text = CommaBeforeDigit.Replace(text, "$1 , $2");
        text = DoubleQuote.Replace(SingleQuote.Replace(text, "'"), " \" ");
        text = text.Replace("\u2013", "-", StringComparison.Ordinal).Replace("--", "-", StringComparison.Ordinal);
        text = SplitApostrophes(HyphenInWord.Replace(text, "$1 $2"));
        text = UnmarkDots(SplitFullStops(text.Split(Blanks, StringSplitOptions.RemoveEmptyEntries), prefixes));
        return LowerCase.Of(OddSpace.Replace(text, " ")).Split(Blanks, StringSplitOptions.RemoveEmptyEntries);
    }

    private static string MarkDots(string text) => SeveralDots.Replace(text,
        dots => $" {string.Concat(Enumerable.Repeat(Dot, dots.Length))}{Multi} ");

    private static string UnmarkDots(string text) =>
        DotMarks.Replace(text, marks => new string('.', marks.Groups[1].Length / Dot.Length));

    // English: the apostrophe goes with what follows it within a word, and stands alone elsewhere.
    private static string SplitApostrophes(string text)
    {
        text = ApostropheBetweenOthers.Replace(text, "$1 ' $2");
        text = ApostropheBeforeWord.Replace(text, "$1 ' $2");
        text = ApostropheBehindWord.Replace(text, "$1 ' $2");
        text = ApostropheInWord.Replace(text, "$1 '$2");
        return ApostropheBehindDigit.Replace(text, "$1 '$2");
    }

    private static string SplitFullStops(string[] words, IReadOnlyDictionary<string, bool> prefixes) =>
        string.Join(' ', words.Select((word, index) => word.Length > 1 && word[^1] == '.'
            ? SplitFullStop(word[..^1], words.ElementAtOrDefault(index + 1) ?? "", prefixes) : word));

    private static string SplitFullStop(string word, string next, IReadOnlyDictionary<string, bool> prefixes)
    {
        if (word.Contains('.') && Letter.IsMatch(word))
            return word.Replace(".", "", StringComparison.Ordinal);
        bool isPrefix = prefixes.TryGetValue(word, out bool onlyBeforeNumber);
        bool keepsDot = (isPrefix && !onlyBeforeNumber) || (next.Length > 0 && char.IsAsciiLetterLower(next[0]))
            || (isPrefix && next.Length > 0 && char.IsAsciiDigit(next[0]));
        return keepsDot ? $"{word}." : $"{word} .";
    }

    // A character beyond U+FFFF is one character.
    [GeneratedRegex($@"([\ud800-\udbff][\udc00-\udfff]|[^0-9{Letters} \t\n\v\f\r.'`,\-\u2018\u2019])")]
    private static partial Regex OtherCharacter { get; }

    [GeneratedRegex(@"\.\.+")]
    private static partial Regex SeveralDots { get; }

    // The look behind keeps marks that lead to nothing from being read again and again.
    [GeneratedRegex($"(?<!{Dot})(?>((?:{Dot})+)){Multi}")]
    private static partial Regex DotMarks { get; }

    [GeneratedRegex("([^0-9]),([^0-9])")]
    private static partial Regex CommaBetweenOthers { get; }

    [GeneratedRegex("([0-9]),([^0-9])")]
    private static partial Regex CommaBehindDigit { get; }

    [GeneratedRegex("([^0-9]),([0-9])")]
    private static partial Regex CommaBeforeDigit { get; }

    [GeneratedRegex("[`\u2018\u2019]")]
    private static partial Regex SingleQuote { get; }

    [GeneratedRegex("[\u201c\u201d]|''")]
    private static partial Regex DoubleQuote { get; }

    [GeneratedRegex($"([0-9{Letters}.])-([0-9{Letters}])")]
    private static partial Regex HyphenInWord { get; }

    [GeneratedRegex($"([^{Letters}])'([^{Letters}])")]
    private static partial Regex ApostropheBetweenOthers { get; }

    [GeneratedRegex($"([^{Letters}0-9])'([{Letters}])")]
    private static partial Regex ApostropheBeforeWord { get; }

    [GeneratedRegex($"([{Letters}])'([^{Letters}])")]
    private static partial Regex ApostropheBehindWord { get; }

    [GeneratedRegex($"([{Letters}])'([{Letters}])")]
    private static partial Regex ApostropheInWord { get; }

    [GeneratedRegex("([0-9])'(s)")]
    private static partial Regex ApostropheBehindDigit { get; }

    [GeneratedRegex($"[{Letters}]")]
    private static partial Regex Letter { get; }

    [GeneratedRegex("[ \u2000-\u200a\u202f\u205f\u3000\u00a0]+")]
    private static partial Regex OddSpace { get; }
}
