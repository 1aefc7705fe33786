using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Training;

namespace Microsoft.ML.PrefixTuning.SmallBart.Corpus;

/// <summary>
/// BART's noise (Lewis et al. 2020, section 2.2): sentences in random order, and spans of tokens replaced by one mask
/// each. The model learns to write the text as it was. Half of the passages keep their order: a small model learns to
/// copy from them first.
/// </summary>
/// <param name="beginId">What both texts begin with.</param>
/// <param name="endId">What both texts end with.</param>
/// <param name="maskId">What stands for a span.</param>
internal sealed class Noise(int beginId, int endId, int maskId)
{
    private const double MaskedShare = 0.3;
    private const double MeanSpan = 3;
    private const double PermutedShare = 0.5;

    /// <summary>A noisy passage and the passage as it was.</summary>
    /// <param name="passage">Sentences as ids.</param>
    /// <param name="random">Decides on order and spans.</param>
    public TrainingExample Apply(int[][] passage, SeededRandom random)
    {
        int[][] shuffled = [.. passage];
        if (random.Uniform() < PermutedShare)
            random.Shuffle(shuffled.AsSpan());
        int[] tokens = [.. shuffled.SelectMany(sentence => sentence)];
        return new TrainingExample([beginId, .. Infill(tokens, random), endId],
            [beginId, .. passage.SelectMany(sentence => sentence), endId]);
    }

    private List<int> Infill(int[] tokens, SeededRandom random)
    {
        List<int> spans = Spans((int)Math.Ceiling(MaskedShare * tokens.Length), random);
        // What stays and what goes, in random order: every placement of the spans is equally likely.
        const int Kept = -1;
        int[] parts = [.. spans, .. Enumerable.Repeat(Kept, tokens.Length - spans.Sum())];
        random.Shuffle(parts.AsSpan());
        var noisy = new List<int>();
        int at = 0;
        foreach (int part in parts)
        {
            noisy.Add(part == Kept ? tokens[at] : maskId);
            at += part == Kept ? 1 : part;
        }
        return noisy;
    }

    /// <summary>
    /// Lengths of spans that hold so many tokens together; a span of none is a mask that hides nothing.
    /// </summary>
    private static List<int> Spans(int masked, SeededRandom random)
    {
        var spans = new List<int>();
        while (masked > 0)
        {
            int span = Math.Min(Poisson(random), masked);
            spans.Add(span);
            masked -= span;
        }
        return spans;
    }

    // Knuth's method: fast for a small mean.
    private static int Poisson(SeededRandom random)
    {
        double limit = Math.Exp(-MeanSpan), product = random.Uniform();
        int count = 0;
        for (; product > limit; count++)
            product *= random.Uniform();
        return count;
    }
}
