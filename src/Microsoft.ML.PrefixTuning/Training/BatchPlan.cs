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

    /// <summary>
    /// Shuffled batches of whole sources, as many as <see cref="Shuffled"/> makes and of about as many rows each, so
    /// that a batch reads few sources. A source of more rows than a batch has falls into even parts. A pure function of
    /// its arguments, too.
    /// </summary>
    /// <param name="examples">The rows.</param>
    /// <param name="batchSize">Rows a batch, on average at most.</param>
    /// <param name="seed">Seed.</param>
    /// <param name="epoch">Epoch, from 0.</param>
    public static int[][] ShuffledBySource(IReadOnlyList<TrainingExample> examples, int batchSize, int seed, int epoch)
    {
        var random = new SeededRandom(seed, RandomPurpose.Order, epoch);
        int[] rows = Enumerable.Range(0, examples.Count).ToArray();
        random.Shuffle(rows.AsSpan());
        int[][] parts = rows.GroupBy(row => examples[row], RowPack.OneSource)
            .SelectMany(source => Even([.. source], batchSize)).ToArray();
        random.Shuffle(parts.AsSpan());
        int count = (rows.Length - 1) / batchSize + 1;
        // Never fewer parts than batches, since no part is larger than a batch.
        int pool = (int)Math.Min(parts.Length, ((long)parts.Length * BatchesAPool - 1) / count + 1);
        int[][] ordered = parts.Chunk(pool).SelectMany(some => some.OrderBy(part =>
            new RowPack(Array.ConvertAll(part, row => examples[row])).Tokens)).ToArray();
        int[][] batches = Filled(ordered, count).ToArray();
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
    /// <param name="packing">
    /// What rows of one source have in common; where a pass ends between them, the next one reads it again.
    /// </param>
    public static IEnumerable<TrainingExample[]> Passes(IEnumerable<TrainingExample> rows, int mostTokens,
        RowPacking packing = RowPacking.None)
    {
        var part = new List<TrainingExample>();
        var extent = new PassExtent(packing);
        foreach (TrainingExample row in rows)
        {
            extent.Add(row);
            if (part.Count > 0 && extent.Places > mostTokens)
            {
                yield return [.. part];
                part.Clear();
                extent = new PassExtent(packing);
                extent.Add(row);
            }
            part.Add(row);
        }
        if (part.Count > 0)
            yield return [.. part];
    }

    /// <summary>Tokens of rows that go through the base together, padding included.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="packing">What those of one source have in common.</param>
    public static long Places(IReadOnlyList<TrainingExample> rows, RowPacking packing = RowPacking.None)
    {
        var extent = new PassExtent(packing);
        foreach (TrainingExample row in rows)
            extent.Add(row);
        return extent.Places;
    }

    /// <summary>Rows in as few parts of so many at most as there can be, of one size but for a row.</summary>
    private static IEnumerable<int[]> Even(int[] rows, int most)
    {
        int count = (rows.Length - 1) / most + 1;
        return Enumerable.Range(0, count).Select(part => rows[Start(part)..Start(part + 1)]);

        int Start(int part) => (int)((long)part * rows.Length / count);
    }

    /// <summary>
    /// Parts one after the other in so many batches, each of at least one and about as many rows as are left for it.
    /// </summary>
    private static IEnumerable<int[]> Filled(int[][] parts, int count)
    {
        int next = 0, left = parts.Sum(part => part.Length);
        for (int open = count; open > 0; open--)
        {
            double wanted = (double)left / open;
            var batch = new List<int>(parts[next++]);
            while (parts.Length - next >= open && batch.Count + parts[next].Length / 2.0 <= wanted)
                batch.AddRange(parts[next++]);
            left -= batch.Count;
            yield return [.. batch];
        }
    }

    private static IEnumerable<int> ByLength(IReadOnlyList<TrainingExample> examples, IEnumerable<int> rows) =>
        rows.OrderBy(row => examples[row].Tokens);

    /// <summary>Tokens of a pass, padding included, while its rows come one after the other.</summary>
    private sealed class PassExtent(RowPacking packing)
    {
        private TrainingExample? _last;
        private int _rows, _packs;

        // Tokens of the last pack and of the longest one; of the longest source and target.
        private long _tokens, _most, _source, _target;

        public long Places => packing == RowPacking.OneEncoding ? _packs * _source + _rows * _target : _packs * _most;

        public void Add(TrainingExample row)
        {
            bool joins = _last is not null && RowPack.AreOne(_last, row, packing);
            _tokens = joins ? _tokens + row.Target.Length : row.Tokens;
            _packs += joins ? 0 : 1;
            _rows++;
            _most = Math.Max(_most, _tokens);
            (_source, _target) = (Math.Max(_source, row.Source.Length), Math.Max(_target, row.Target.Length));
            _last = row;
        }
    }
}
