using System;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

/// <summary>
/// Lower case as Python and Java make it: character by character, but for two characters of Unicode's special casing.
/// </summary>
internal static class LowerCase
{
    private const char DottedI = '\u0130';
    private const char Sigma = '\u03a3';

    /// <summary>
    /// The text in lower case: a dotted capital I becomes two characters, a capital sigma at a word's end the final
    /// one.
    /// </summary>
    public static string Of(string text)
    {
        string lower = text.ToLowerInvariant();
        if (text.AsSpan().IndexOfAny(DottedI, Sigma) < 0)
            return lower;
        var special = new StringBuilder(lower.Length + 1);
        for (int i = 0; i < text.Length; i++)
        {
            bool ends = i > 0 && char.IsLetter(text[i - 1]) && (i + 1 == text.Length || !char.IsLetter(text[i + 1]));
            if (text[i] == DottedI)
                special.Append("i\u0307");
            else
                special.Append(text[i] == Sigma && ends ? '\u03c2' : lower[i]);
        }
        return special.ToString();
    }
}
