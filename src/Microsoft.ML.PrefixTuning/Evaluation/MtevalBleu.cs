using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// BLEU as the scripts of the E2E challenge compute it, from 0 to 1; also the figure of papers on WebNLG. Tokenisation:
/// lower
/// case, mteval-v13a (<see cref="MtevalTokenizer"/>); an empty text counts as one empty token.
/// </summary>
/// <remarks>
/// Source: e2e-metrics, <c>metrics/pymteval.py</c>, with its quirk that an output of fewer than n tokens counts
/// negative for order n.
/// </remarks>
internal static class MtevalBleu
{
    private const int MaxOrder = 4;
    private const double LeastMatches = 1e-15;
    private const double LeastLength = 1e-9;

    /// <summary>The score of a corpus; 0 for an empty one.</summary>
    /// <param name="segments">Rows.</param>
    /// <param name="caseSensitive">Whether case counts.</param>
    /// <param name="smoothing">Added to matches and lengths of every order; 1 for single sentences.</param>
    public static double Corpus(IReadOnlyList<Segment> segments, bool caseSensitive = false, double smoothing = 0)
    {
        if (segments.Count == 0)
            return 0;
        BleuCounts counts = BleuCounts.Sum(
            ParallelRows.Map(segments, segment => Count(segment, caseSensitive)), MaxOrder);
        double logs = 0;
        for (int i = 0; i < MaxOrder; i++)
        {
            double matches = Math.Max(counts.Matches[i] + smoothing, LeastMatches);
            logs += Math.Log(matches / Math.Max(counts.Totals[i] + smoothing, LeastLength));
        }
        double penalty = Math.Min(1, Math.Exp(1 - counts.ReferenceLength / (double)counts.OutputLength));
        return penalty * Math.Exp(logs / MaxOrder);
    }

    private static BleuCounts Count(Segment segment, bool caseSensitive)
    {
        BleuCounts counts = Bleu.Count(segment, MaxOrder, text => Tokens(text, caseSensitive));
        for (int i = 0; i < MaxOrder; i++)
            counts.Totals[i] = counts.OutputLength - i;
        return counts;
    }

    /// <summary>The tokens of a text, at least one.</summary>
    public static string[] Tokens(string text, bool caseSensitive) =>
        MtevalTokenizer.TokensOrEmpty(caseSensitive ? text : LowerCase.Of(text));
}
