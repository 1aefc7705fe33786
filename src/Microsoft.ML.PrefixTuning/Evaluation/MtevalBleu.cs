using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Evaluation.Tokenization;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// BLEU as the scripts of the E2E challenge compute it, from 0 to 1; also the figure of papers on WebNLG. Tokenisation:
/// lower case, mteval-v13a (<see cref="MtevalTokenizer"/>); an empty text counts as one empty token.
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
    public static double Corpus(IReadOnlyList<Segment> segments)
    {
        if (segments.Count == 0)
            return 0;
        BleuCounts counts = BleuCounts.Sum(ParallelRows.Map(segments, Count), MaxOrder);
        double logs = 0;
        for (int i = 0; i < MaxOrder; i++)
        {
            double matches = Math.Max(counts.Matches[i], LeastMatches);
            logs += Math.Log(matches / Math.Max(counts.Totals[i], LeastLength));
        }
        double penalty = Math.Min(1, Math.Exp(1 - counts.ReferenceLength / (double)counts.OutputLength));
        return penalty * Math.Exp(logs / MaxOrder);
    }

    private static BleuCounts Count(Segment segment)
    {
        BleuCounts counts = Bleu.Count(segment, MaxOrder, Tokens);
        for (int i = 0; i < MaxOrder; i++)
            counts.Totals[i] = counts.OutputLength - i;
        return counts;
    }

    /// <summary>The tokens of a text, at least one.</summary>
    public static string[] Tokens(string text) => MtevalTokenizer.TokensOrEmpty(LowerCase.Of(text));
}
