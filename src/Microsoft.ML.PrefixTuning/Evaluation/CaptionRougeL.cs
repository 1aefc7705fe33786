using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// ROUGE-L as pycocoevalcap and so the E2E challenge compute it, from 0 to 1: the mean over segments of an F score
/// whose precision and recall may come from different references. Tokenisation: lower case, mteval-v13a in place of the
/// scripts' Penn Treebank tokenizer; an empty text counts as one empty token.
/// </summary>
/// <remarks>Source: e2e-metrics, <c>pycocoevalcap/rouge/rouge.py</c>.</remarks>
internal static class CaptionRougeL
{
    private const double BetaSquared = 1.2 * 1.2;

    /// <summary>The score of a corpus; 0 for an empty one.</summary>
    public static double Corpus(IReadOnlyList<Segment> segments) =>
        ParallelRows.Map(segments, OfSegment).DefaultIfEmpty().Average();

    /// <summary>The score of one segment.</summary>
    public static double OfSegment(Segment segment)
    {
        var numbers = new NGramNumbers<string>(1);
        int[] output = numbers.Count(MtevalBleu.Tokens(segment.Output)).Tokens;
        var shared = new LongestCommonSubsequence(output);
        double precision = 0, recall = 0;
        foreach (string text in segment.References)
        {
            int[] reference = numbers.Count(MtevalBleu.Tokens(text)).Tokens;
            double common = shared.Length(reference);
            precision = Math.Max(precision, common / output.Length);
            recall = Math.Max(recall, common / reference.Length);
        }
        return precision == 0 ? 0 : (1 + BetaSquared) * precision * recall / (recall + BetaSquared * precision);
    }
}
