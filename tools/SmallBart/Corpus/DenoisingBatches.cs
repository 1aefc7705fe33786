using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Training;

namespace Microsoft.ML.PrefixTuning.SmallBart.Corpus;

/// <summary>
/// The batches of a pretraining, a pure function of blocks and seed: rows of like length together, in random order, new
/// noise each time the text begins anew.
/// </summary>
/// <param name="blocks">Blocks of text.</param>
/// <param name="passages">Cuts and encodes them.</param>
/// <param name="noise">Makes rows of them.</param>
/// <param name="rows">Rows a batch.</param>
/// <param name="seed">Seed.</param>
internal sealed class DenoisingBatches(IReadOnlyList<string> blocks, Passages passages, Noise noise, int rows, int seed)
{
    // Enough for little padding.
    private const int BatchesAPool = 32;

    // Without begin and end: the longest source has up to 128 tokens. Every block has a limit of its own: a small model
    // finds out from short passages that most of a text can be copied, and needs long ones for the positions behind.
    private const int LongestPassage = 126;
    private const int SmallestLimit = 24;

    /// <summary>Batches without end.</summary>
    public IEnumerable<TrainingExample[]> All()
    {
        for (long pool = 0; ; pool++)
        {
            var random = new SeededRandom(seed, RandomPurpose.Order, pool + 1);
            TrainingExample[][] batches = Pool(pool, random).OrderBy(row => row.Tokens).Chunk(rows).ToArray();
            random.Shuffle(batches.AsSpan());
            foreach (TrainingExample[] batch in batches)
            {
                // The rest of a pool would be a step of its own.
                if (batch.Length == rows)
                    yield return batch;
            }
        }
    }

    private IEnumerable<TrainingExample> Pool(long pool, SeededRandom random)
    {
        int size = rows * BatchesAPool / 4;
        for (int i = 0; i < size; i++)
        {
            int limit = SmallestLimit + random.Below(LongestPassage - SmallestLimit + 1);
            foreach (int[][] passage in passages.Of(blocks[(int)((pool * size + i) % blocks.Count)], limit))
                yield return noise.Apply(passage, random);
        }
    }
}
