using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Rows;

/// <summary>
/// A document cut into parts of some tokens: between sentences or lines where they fit, else between words. Every
/// character is in one part.
/// </summary>
/// <param name="mostTokens">Tokens of a part, at most.</param>
/// <param name="count">Counts the tokens of a text.</param>
internal sealed class DocumentParts(int mostTokens, Func<string, int> count)
{
    /// <summary>The parts, in their order; none is blank.</summary>
    public IReadOnlyList<string> Cut(string document)
    {
        var parts = new List<string>();
        var part = new StringBuilder();
        int tokens = 0;
        foreach (string piece in Sentences(document).SelectMany(Fitting))
        {
            int own = count(piece);
            if (tokens + own > mostTokens && tokens > 0)
            {
                parts.Add(part.ToString());
                part.Clear();
                tokens = 0;
            }
            part.Append(piece);
            tokens += own;
        }
        parts.Add(part.ToString());
        return [.. parts.Where(one => !string.IsNullOrWhiteSpace(one))];
    }

    /// <summary>Sentences and lines, each with the white space behind it.</summary>
    private static IEnumerable<string> Sentences(string text)
    {
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            bool isLast = i + 1 == text.Length;
            bool isEnd = text[i] == '\n' || text[i] is '.' or '!' or '?' && !isLast && char.IsWhiteSpace(text[i + 1]);
            if (!isEnd && !isLast)
                continue;
            while (i + 1 < text.Length && char.IsWhiteSpace(text[i + 1]))
                i++;
            yield return text[start..(i + 1)];
            start = i + 1;
        }
    }

    /// <summary>A piece that is too long in halves, and these in halves, as long as there are any.</summary>
    private IEnumerable<string> Fitting(string piece)
    {
        if (piece.Length < 2 || count(piece) <= mostTokens)
            return [piece];
        int middle = piece.Length / 2, space = piece.LastIndexOfAny([' ', '\t'], middle);
        int cut = space > 0 ? space : middle;
        // Both halves of a character stay together.
        if (char.IsLowSurrogate(piece[cut]) && char.IsHighSurrogate(piece[cut - 1]))
            cut = cut > 1 ? cut - 1 : cut + 1;
        return cut >= piece.Length ? [piece] : Fitting(piece[..cut]).Concat(Fitting(piece[cut..]));
    }
}
