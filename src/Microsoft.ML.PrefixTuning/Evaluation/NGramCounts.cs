using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// How often each n-gram comes in a text. Comparable only with counts of the same <see cref="NGramNumbers{TToken}"/>.
/// </summary>
/// <param name="tokens">The text's tokens, by number.</param>
/// <param name="counts">For each order from 1, how often the n-gram of a number comes.</param>
internal sealed class NGramCounts(int[] tokens, Dictionary<int, int>[] counts)
{
    /// <summary>The text's tokens, by number; of the union of several texts: those of the first.</summary>
    public int[] Tokens => tokens;

    /// <summary>How often the n-gram of a number comes.</summary>
    /// <param name="order">Tokens of an n-gram, from 1.</param>
    public Dictionary<int, int> this[int order] => counts[order - 1];

    /// <summary>N-grams of one order in the text, repetitions counted.</summary>
    public int Total(int order) => Math.Max(0, tokens.Length - order + 1);

    /// <summary>N-grams of one order that both texts have, each as often as the text that has it less often.</summary>
    public int Overlap(NGramCounts other, int order)
    {
        int overlap = 0;
        Dictionary<int, int> others = other[order];
        foreach ((int gram, int count) in this[order])
        {
            if (others.TryGetValue(gram, out int count2))
                overlap += Math.Min(count, count2);
        }
        return overlap;
    }

    /// <summary>Each n-gram as often as in the text that has it most often.</summary>
    public static NGramCounts Union(IReadOnlyList<NGramCounts> texts)
    {
        if (texts.Count == 1)
            return texts[0];
        var union = new Dictionary<int, int>[texts[0].MaxOrder];
        for (int order = 1; order <= union.Length; order++)
        {
            var highest = new Dictionary<int, int>(texts[0][order]);
            for (int text = 1; text < texts.Count; text++)
            {
                foreach ((int gram, int count) in texts[text][order])
                    highest[gram] = Math.Max(count, highest.GetValueOrDefault(gram));
            }
            union[order - 1] = highest;
        }
        return new NGramCounts(texts[0].Tokens, union);
    }

    private int MaxOrder => counts.Length;
}
