using System.Linq;

namespace Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

/// <summary>Every character that is not white space is a token: sacreBLEU's <c>char</c>.</summary>
internal static class CharacterTokenizer
{
    /// <summary>The tokens of a text; a character beyond U+FFFF is one token.</summary>
    public static string[] Tokens(string text) =>
        [.. string.Concat(Whitespace.Split(text)).EnumerateRunes().Select(rune => rune.ToString())];
}
