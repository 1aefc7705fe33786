using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

/// <summary>
/// The tokenisation of rouge_score: lower case, words are runs of the letters a to z and the digits 0 to 9; all else
/// separates. With a stemmer, words of more than three characters are stemmed.
/// </summary>
/// <remarks>Source: google-research <c>rouge/tokenize.py</c>.</remarks>
internal static class RougeTokenizer
{
    private const int LongestUnstemmed = 3;

    /// <summary>The tokens of a text; none is empty.</summary>
    public static string[] Tokens(string text, bool stem)
    {
        text = LowerCase.Of(text);
        var tokens = new List<string>(text.Length / 5 + 1);
        int start = 0;
        for (int i = 0; i <= text.Length; i++)
        {
            if (i < text.Length && (char.IsAsciiLetterLower(text[i]) || char.IsAsciiDigit(text[i])))
                continue;
            if (i > start)
                tokens.Add(stem && i - start > LongestUnstemmed ? PorterStemmer.Stem(text[start..i]) : text[start..i]);
            start = i + 1;
        }
        return [.. tokens];
    }
}
