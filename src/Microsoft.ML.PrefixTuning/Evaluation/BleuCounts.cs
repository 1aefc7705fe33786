using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>What BLEU is computed from. Counts of segments add up to those of a corpus.</summary>
/// <param name="maxOrder">Tokens of the longest n-grams.</param>
internal sealed class BleuCounts(int maxOrder)
{
    /// <summary>Tokens of the output.</summary>
    public int OutputLength { get; set; }

    /// <summary>Tokens of the references that are closest in length.</summary>
    public int ReferenceLength { get; set; }

    /// <summary>N-grams that a reference has too, by order.</summary>
    public int[] Matches { get; } = new int[maxOrder];

    /// <summary>N-grams of the output, by order.</summary>
    public int[] Totals { get; } = new int[maxOrder];

    /// <summary>The counts of a corpus.</summary>
    public static BleuCounts Sum(IEnumerable<BleuCounts> segments, int maxOrder)
    {
        var sum = new BleuCounts(maxOrder);
        foreach (BleuCounts segment in segments)
        {
            sum.OutputLength += segment.OutputLength;
            sum.ReferenceLength += segment.ReferenceLength;
            for (int i = 0; i < maxOrder; i++)
            {
                sum.Matches[i] += segment.Matches[i];
                sum.Totals[i] += segment.Totals[i];
            }
        }
        return sum;
    }
}

/// <summary>A BLEU score and its parts.</summary>
/// <param name="Score">From 0 to 100.</param>
/// <param name="Precisions">Smoothed precision of each order from 1, from 0 to 100.</param>
/// <param name="BrevityPenalty">From 0 to 1.</param>
/// <param name="Counts">What they are computed from, not smoothed.</param>
internal sealed record BleuScore(double Score, IReadOnlyList<double> Precisions, double BrevityPenalty,
    BleuCounts Counts);
