using System;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>The longest sequence that two texts share, not necessarily without gaps.</summary>
internal static class LongestCommonSubsequence
{
    /// <summary>Its length in tokens.</summary>
    public static int Length(ReadOnlySpan<int> first, ReadOnlySpan<int> second)
    {
        var row = new int[second.Length + 1];
        foreach (int token in first)
        {
            int diagonal = 0;
            for (int j = 1; j <= second.Length; j++)
            {
                int above = row[j];
                row[j] = token == second[j - 1] ? diagonal + 1 : Math.Max(above, row[j - 1]);
                diagonal = above;
            }
        }
        return row[second.Length];
    }

    /// <summary>Marks the tokens of <paramref name="first"/> that belong to one such sequence.</summary>
    /// <remarks>Of several, the one that rouge_score's <c>_backtrack_norec</c> finds.</remarks>
    public static void Mark(ReadOnlySpan<int> first, ReadOnlySpan<int> second, Span<bool> marks)
    {
        int[,] lengths = Table(first, second);
        for (int i = first.Length, j = second.Length; i > 0 && j > 0;)
        {
            if (first[i - 1] == second[j - 1])
            {
                marks[i - 1] = true;
                (i, j) = (i - 1, j - 1);
            }
            else if (lengths[i, j - 1] > lengths[i - 1, j])
                j--;
            else
                i--;
        }
    }

    private static int[,] Table(ReadOnlySpan<int> first, ReadOnlySpan<int> second)
    {
        var lengths = new int[first.Length + 1, second.Length + 1];
        for (int i = 1; i <= first.Length; i++)
        {
            for (int j = 1; j <= second.Length; j++)
            {
                lengths[i, j] = first[i - 1] == second[j - 1] ? lengths[i - 1, j - 1] + 1
                    : Math.Max(lengths[i - 1, j], lengths[i, j - 1]);
            }
        }
        return lengths;
    }
}
