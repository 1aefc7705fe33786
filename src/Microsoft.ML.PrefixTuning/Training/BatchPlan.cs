using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Prefixes;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>The batches of one epoch, as indexes of examples.</summary>
/// <param name="epoch">Epoch, from 0.</param>
internal delegate int[][] BatchOrder(int epoch);

/// <summary>
/// Which rows go together: similar lengths, so that little is padding, in an order that chance decides.
/// </summary>
internal static class BatchPlan
{
    // Rows are sorted by length within pools of so many batches: enough for little padding, few enough that batches
    // differ from epoch to epoch.
    private const int BatchesAPool = 32;

    /// <summary>
    /// Shuffled batches: all rows are shuffled, sorted by length within pools, cut into batches, and the batches
    /// shuffled. A pure function of its arguments, so that a resumed training needs no state of a generator.
    /// </summary>
    /// <param name="examples">The rows.</param>
    /// <param name="batchSize">Rows a batch; the last one of an epoch may have fewer.</param>
    /// <param name="seed">Seed.</param>
    /// <param name="epoch">Epoch, from 0.</param>
    public static int[][] Shuffled(IReadOnlyList<TrainingExample> examples, int batchSize, int seed, int epoch)
    {
        var random = new SeededRandom(seed, RandomPurpose.Order, epoch);
        int[] rows = Enumerable.Range(0, examples.Count).ToArray();
        random.Shuffle(rows.AsSpan());
        int pool = (int)Math.Min(int.MaxValue, (long)batchSize * BatchesAPool);
        int[][] batches = rows.Chunk(pool)
            .SelectMany(near => ByLength(examples, near).Chunk(batchSize)).ToArray();
        random.Shuffle(batches.AsSpan());
        return batches;
    }

    /// <summary>All rows once, sorted by length: for scoring, where order means nothing.</summary>
    public static int[][] Sorted(IReadOnlyList<TrainingExample> examples, int batchSize) =>
        ByLength(examples, Enumerable.Range(0, examples.Count)).Chunk(batchSize).ToArray();

    /// <summary>
    /// The parts of a batch that go through the base together: as many rows in a row as the tokens of a pass allow,
    /// padding included, and at least one. Most batches are one part.
    /// </summary>
    /// <param name="rows">The rows of a batch.</param>
    /// <param name="mostTokens">Tokens of a pass.</param>
    public static IEnumerable<TrainingExample[]> Passes(IEnumerable<TrainingExample> rows, int mostTokens)
    {
        var part = new List<TrainingExample>();
        long longest = 0;
        foreach (TrainingExample row in rows)
        {
            longest = Math.Max(longest, row.Tokens);
            if (part.Count > 0 && longest * (part.Count + 1) > mostTokens)
            {
                yield return [.. part];
                part.Clear();
                longest = row.Tokens;
            }
            part.Add(row);
        }
        if (part.Count > 0)
            yield return [.. part];
    }

    /// <summary>Tokens of rows that go through the base together, padding included.</summary>
    public static long Places(TrainingExample[] rows) => (long)rows.Length * rows.Max(row => row.Tokens);

    private static IEnumerable<int> ByLength(IReadOnlyList<TrainingExample> examples, IEnumerable<int> rows) =>
        rows.OrderBy(row => examples[row].Tokens);
}
