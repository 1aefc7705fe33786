using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Options;

/// <summary>What somebody may have meant who mistyped a name.</summary>
internal static class NearestName
{
    // Changes of a letter up to which a name is near: what more letters apart are other words.
    private const int Farthest = 3;

    /// <summary>
    /// The name that is nearest to what was typed, else the shortest that has all of its words and more of them; null
    /// where there is none, or it is one itself.
    /// </summary>
    public static string? Of(string typed, IReadOnlyList<string> names)
    {
        if (names.Contains(typed))
            return null;
        // Half of a short word changed is another word.
        int farthest = Math.Min(Farthest, typed.TrimStart('-').Length / 2);
        return names.Select(name => (Name: name, Changes: Changes(typed, name)))
            .Where(one => one.Changes <= farthest).OrderBy(one => one.Changes).FirstOrDefault().Name
            ?? names.Where(name => HasWordsOf(name, typed)).MinBy(name => name.Length);
    }

    // As '--max-tokens' those of '--max-new-tokens'.
    private static bool HasWordsOf(string name, string typed)
    {
        string[] words = typed.Split('-', StringSplitOptions.RemoveEmptyEntries);
        return words.Length > 0 && !words.Except(name.Split('-')).Any();
    }

    /// <summary>
    /// Letters to put in, take out, change or exchange with their neighbour (Damerau; adjacent ones once).
    /// </summary>
    private static int Changes(string from, string to)
    {
        int[,] counts = new int[from.Length + 1, to.Length + 1];
        for (int i = 0; i <= from.Length; i++)
        {
            for (int j = 0; j <= to.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    counts[i, j] = i + j;
                    continue;
                }
                int changed = counts[i - 1, j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
                counts[i, j] = Math.Min(changed, Math.Min(counts[i - 1, j], counts[i, j - 1]) + 1);
                if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                    counts[i, j] = Math.Min(counts[i, j], counts[i - 2, j - 2] + 1);
            }
        }
        return counts[from.Length, to.Length];
    }
}
