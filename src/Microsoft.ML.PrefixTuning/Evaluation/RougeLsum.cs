using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// ROUGE-L of a text of several sentences (Lin, 2004, section 3.2), with rouge_score's guard against counting a word
/// twice.
/// </summary>
internal static class RougeLsum
{
    /// <summary>The score of sentences of numbered words.</summary>
    public static RougeScore Score(int[][] output, int[][] reference)
    {
        Dictionary<int, int> outputLeft = Count(output), referenceLeft = Count(reference);
        LongestCommonSubsequence[] others = Array.ConvertAll(output,
            sentence => new LongestCommonSubsequence(sentence));
        int hits = 0;
        foreach (int[] sentence in reference)
        {
            var shared = new bool[sentence.Length];
            foreach (LongestCommonSubsequence other in others)
                other.Mark(sentence, shared);
            for (int i = 0; i < sentence.Length; i++)
            {
                if (!shared[i] || outputLeft.GetValueOrDefault(sentence[i]) == 0 || referenceLeft[sentence[i]] == 0)
                    continue;
                hits++;
                outputLeft[sentence[i]]--;
                referenceLeft[sentence[i]]--;
            }
        }
        return RougeScore.From(hits, output.Sum(sentence => sentence.Length),
            reference.Sum(sentence => sentence.Length));
    }

    private static Dictionary<int, int> Count(int[][] sentences) =>
        sentences.SelectMany(sentence => sentence).CountBy(word => word).ToDictionary();
}
