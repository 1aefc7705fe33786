using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// Memory of a forward and a backward pass beside what is there before, estimated from the shapes of what lives at its
/// height (docs/performance.md compares it with what was measured).
/// </summary>
/// <param name="spec">The base.</param>
/// <param name="type">Its type.</param>
/// <param name="prefixLength">P.</param>
internal sealed class PassMemory(TransformerSpec spec, ScalarType type, int prefixLength)
{
    private const int Float = 4;

    // Code of the native library that the first pass brings in, buffers of its products.
    private const double Fixed = 60e6;

    // What layers make and keep lies among what they give back: the heap's holes, measured.
    private const double Holes = 1.3;

    private int Size => type == ScalarType.Float32 ? Float : 2;

    /// <summary>Bytes of a pass.</summary>
    /// <param name="rows">Its rows.</param>
    /// <param name="recomputes">Whether layers are run a second time for their gradient.</param>
    /// <param name="packing">What rows of one source have in common.</param>
    public double Of(IReadOnlyList<TrainingExample> rows, bool recomputes, RowPacking packing = RowPacking.None)
    {
        RowPack[] packs = RowPack.Of(rows, packing);
        long source = rows.Max(row => row.Source.Length), target = rows.Max(row => row.Target.Length);
        double loss = OfLoss(rows.Sum(row => row.Target.Length));
        return Fixed + loss + (spec.Encoder is not { } encoder
            ? OfStack(spec.Decoder, packs.Length, packs.Max(pack => pack.Tokens), 0, recomputes,
                packs.Length < rows.Count)
            : OfStack(spec.Decoder, rows.Count, target, source, recomputes)
                + OfStack(encoder, packs.Length, source, 0, recomputes));
    }

    private double OfStack(StackSpec stack, long rows, long width, long source, bool recomputes,
        bool isBranched = false)
    {
        double keys = (double)(prefixLength + width) / width;
        double sources = source == 0 ? 0 : (double)(prefixLength + source) / width;
        double besides = (IsLong(stack, rows, width) ? 0 : Capped(stack, width))
            + (source == 0 ? 0 : Cross(stack, sources));
        double kept = Kept(stack, keys) + besides, working = Working(stack, keys) + besides;
        // The input of each layer, and the gradients of two.
        double between = (stack.Layers + 2.0) * Size * spec.Width + CrossKeysValues(stack, sources) * stack.Layers;
        return Masks(stack, rows, width, isBranched)
            + (double)rows * width * (Holes * working + (recomputes ? between : Holes * stack.Layers * kept));
    }

    /// <summary>Bytes a token that a layer keeps for its gradient.</summary>
    private double Kept(StackSpec stack, double keys)
    {
        double queries = Queries(stack), values = KeysValues(stack);
        // Frozen products keep nothing; norms keep their input in float32.
        double norms = Float * (Norms(stack) * spec.Width + (IsNormed(stack) ? queries + values : 0));
        return norms + Size * (2 * queries + 2 * values * keys + (stack.FeedForward.Gated ? 3 : 1)
            * (double)stack.FeedForward.Inner);
    }

    /// <summary>Bytes a token of all that a layer makes.</summary>
    private double Working(StackSpec stack, double keys)
    {
        double norm = Size == Float ? 3 * Float : 4 * Float + Size;
        return norm * (Norms(stack) * spec.Width + (IsNormed(stack) ? Queries(stack) + KeysValues(stack) : 0))
            + Size * (6 * Queries(stack) + 4 * KeysValues(stack) + 2 * KeysValues(stack) * keys + 4 * spec.Width
                + (stack.FeedForward.Gated ? 4 : 2) * (double)stack.FeedForward.Inner);
    }

    /// <summary>Bytes a token of scores that are capped, for which there is no fused kernel.</summary>
    private double Capped(StackSpec stack, long width) =>
        stack.ScoreCap is null ? 0 : (2.0 * Float + 2 * Size) * stack.Heads.Count * (prefixLength + width);

    private double Cross(StackSpec stack, double sources) =>
        Float * spec.Width + Size * 2 * Queries(stack) + CrossKeysValues(stack, sources);

    private double CrossKeysValues(StackSpec stack, double sources) =>
        Size * 4 * KeysValues(stack) * sources;

    /// <summary>Bytes of the masks of a causal stack.</summary>
    private double Masks(StackSpec stack, long rows, long width, bool isBranched)
    {
        bool isRelative = stack.Positions is RelativePositions;
        bool isWindowed = stack.Windows.Any(window => window < prefixLength + width);
        double places = Places(rows, width);
        // Whole numbers and flags of which a mask is made.
        const int Making = 6;
        if (IsLong(stack, rows, width))
        {
            // One part of the queries, its scores where they are made, and their gradient.
            double ofScore = stack.ScoreCap is null ? 0 : 4 * Float;
            return isRelative || isWindowed || isBranched || stack.ScoreCap is not null
                ? MaskParts.MostNumbers * (2.0 * Size + Making + ofScore) : 0;
        }
        if (isRelative)
            return places * (stack.Heads.Count * Size + 16);
        double mask = Size * (stack.Heads.Group == 1 ? 1 : 1 + stack.Heads.Group);
        return places * ((isWindowed ? 2 : 1) * mask + (isWindowed || isBranched ? Making : 2));
    }

    /// <summary>Whether a stack's masks are not made whole.</summary>
    private bool IsLong(StackSpec stack, long rows, long width)
    {
        int heads = stack.Positions is RelativePositions ? stack.Heads.Count : stack.Heads.Group;
        return Places(rows, width) * heads > AttentionInput.MostMaskNumbers;
    }

    private double Places(long rows, long width) => (double)rows * width * (prefixLength + width);

    private double OfLoss(long tokens)
    {
        double chunk = Math.Min(tokens, TargetLoss.ChunkTokens(spec.VocabularySize));
        double ofScore = Size == Float ? 2 * Float : Float + 2 * Size;
        return chunk * spec.VocabularySize * ofScore + 2.0 * tokens * Size * spec.Width;
    }

    private static double Norms(StackSpec stack) =>
        (stack.Residual == Residual.NormBothSides ? 4 : 2) + (stack.CrossAttention ? 1 : 0);

    private static bool IsNormed(StackSpec stack) => stack.QueryKeyNorm != QueryKeyNorm.None;

    private static double Queries(StackSpec stack) => stack.Heads.Count * stack.Heads.Size;

    private static double KeysValues(StackSpec stack) => stack.Heads.KeyValueCount * stack.Heads.Size;
}
