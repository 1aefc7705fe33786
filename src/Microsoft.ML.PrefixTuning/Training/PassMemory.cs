using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;
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
/// <param name="isStored">Whether its matrices are widened for each product.</param>
/// <param name="areBlocksReturned">
/// Whether large blocks of memory go back to the system when they are freed (<see cref="LargeBlocks"/>).
/// </param>
/// <param name="recalls">Whether heads of self-attention have a memory outside of the softmax.</param>
internal sealed class PassMemory(TransformerSpec spec, ScalarType type, int prefixLength, bool isStored = false,
    bool areBlocksReturned = false, bool recalls = false)
{
    private const int Float = 4;

    // Code of the native library that the first pass brings in, buffers of its products.
    private const double Fixed = 50e6;

    private int Size => type == ScalarType.Float32 ? Float : 2;

    /// <summary>Bytes of a pass and its gradient.</summary>
    /// <param name="rows">Its rows.</param>
    /// <param name="recomputes">Whether layers are run a second time for their gradient.</param>
    /// <param name="packing">What rows of one source have in common.</param>
    public double Of(IReadOnlyList<TrainingExample> rows, bool recomputes, RowPacking packing = RowPacking.None) =>
        Of(rows, recomputes ? Left.Inputs : Left.Everything, packing);

    /// <summary>Bytes of a pass without a gradient, in which each row reads its source itself.</summary>
    /// <param name="rows">Its rows.</param>
    public double OfReading(IReadOnlyList<TrainingExample> rows) => Of(rows, Left.Nothing, RowPacking.None);

    private double Of(IReadOnlyList<TrainingExample> rows, Left left, RowPacking packing)
    {
        RowPack[] packs = RowPack.Of(rows, packing);
        long source = rows.Max(row => row.Source.Length), target = rows.Max(row => row.Target.Length);
        bool isDistilled = rows.Any(row => row.Teacher is not null);
        (double Staying, double Working)[] stacks = spec.Encoder is not { } encoder
            ? [OfStack(spec.Decoder, packs.Length, packs.Max(pack => pack.Tokens), 0, left,
                packs.Length < rows.Count)]
            : [OfStack(spec.Decoder, rows.Count, target, source, left),
                OfStack(encoder, packs.Length, source, 0, left)];
        // Layers work in front of the loss and behind it.
        return Fixed + OfWideMatrices(isDistilled) + stacks.Sum(stack => stack.Staying)
            + Math.Max(OfLoss(rows.Sum(row => row.Target.Length), isDistilled), stacks.Sum(stack => stack.Working));
    }

    /// <summary>
    /// How much of the heap a byte of layers takes: what they make and keep lies among what they give back. Measured
    /// (docs/performance.md). Where layers are run twice, what stays is small and lies between blocks that come and go;
    /// blocks that are returned make no holes.
    /// </summary>
    /// <param name="left">What layers leave.</param>
    /// <param name="bytes">Bytes of hidden states: what is wider is a larger block, what is narrower is less.</param>
    private double Holes(Left left, double bytes) => areBlocksReturned && bytes >= LargeBlocks.LeastBytes ? 1
        : left switch
        {
            Left.Everything => 1.5,
            Left.Inputs => 1.7,
            _ => 1.3,
        };

    /// <summary>Bytes that layers leave until the end of a pass, with masks, and of the one that works.</summary>
    private (double Staying, double Working) OfStack(StackSpec stack, long rows, long width, long source, Left left,
        bool isBranched = false)
    {
        double keys = (double)(prefixLength + width) / width;
        double sources = source == 0 ? 0 : (double)(prefixLength + source) / width;
        double besides = (IsLong(stack, rows, width) ? 0 : Capped(stack, width))
            + (source == 0 ? 0 : Cross(stack, sources));
        double kept = Kept(stack, keys) + besides;
        double working = Working(stack, keys, left) + besides;
        // The input of each layer, and the gradients of two; without a gradient what goes from one to the next.
        double between = (left == Left.Nothing ? 2.0 : stack.Layers + 2.0) * Size * spec.Width
            + CrossKeysValues(stack, sources) * stack.Layers;
        double places = Holes(left, (double)rows * width * Size * spec.Width) * rows * width;
        return (Masks(stack, rows, width, isBranched)
            + places * (left == Left.Everything ? stack.Layers * kept : between), places * working);
    }

    /// <summary>Bytes a token that a layer keeps for its gradient.</summary>
    private double Kept(StackSpec stack, double keys)
    {
        double queries = Queries(stack), values = KeysValues(stack);
        // Frozen products and rotations keep nothing; norms keep their input, torch's in float32.
        double norms = (IsOneFunction(stack.Norm) ? Size : Float)
            * (Norms(stack) * spec.Width + (IsNormed(stack) ? queries + values : 0));
        // Where a gradient is wanted attention is made in float32.
        // A memory's product and its elu keep what they were given.
        double recalled = recalls ? 2 * Size * queries : 0;
        return norms + recalled + Float * (2 * queries + 2 * values * keys)
            + Size * (!stack.FeedForward.Gated ? 1 : IsOneFunction(stack.FeedForward) ? 2 : 3)
                * (double)stack.FeedForward.Inner;
    }

    /// <summary>Bytes a token of all that a layer makes.</summary>
    /// <param name="stack">The layer's stack.</param>
    /// <param name="keys">Keys a token.</param>
    /// <param name="left">
    /// What layers leave: where a gradient is wanted, <see cref="TrainedKernels"/> make results alone.
    /// </param>
    private double Working(StackSpec stack, double keys, Left left)
    {
        bool hasGradient = left != Left.Nothing;
        double norm = hasGradient && IsOneFunction(stack.Norm) ? Size
            : Size == Float ? 3 * Float : 4 * Float + Size;
        // Torch's rotation makes two halves, and then puts them together.
        int ofRotation = hasGradient && stack.Positions is RotaryPositions ? 1 : 2;
        // Of a layer that is run twice gate and up live beside three gradients (torch's keep one more): what it keeps
        // is not counted elsewhere.
        int ofGate = (IsOneFunction(stack.FeedForward), left) switch
        {
            (_, Left.Nothing) => 4,
            (true, Left.Inputs) => 5,
            (false, Left.Inputs) => 6,
            (true, _) => 3,
            (false, _) => 4,
        };
        // In float32: queries and what becomes of them, keys, values, and the gradients of all.
        double widened = Size == Float ? 0 : Float * (4 * Queries(stack) + 4 * KeysValues(stack) * keys);
        return norm * (Norms(stack) * spec.Width + (IsNormed(stack) ? Queries(stack) + KeysValues(stack) : 0)) + widened
            + Size * ((4 + ofRotation + (recalls ? 5 : 0)) * Queries(stack) + (2 + ofRotation) * KeysValues(stack)
                + 2 * KeysValues(stack) * keys + 4 * spec.Width
                + (stack.FeedForward.Gated ? ofGate : 2) * (double)stack.FeedForward.Inner);
    }

    /// <summary>Bytes a token of scores that are capped, for which there is no fused kernel.</summary>
    private double Capped(StackSpec stack, long width) =>
        stack.ScoreCap is null ? 0 : (2.0 * Float + 2 * Size) * stack.Heads.Count * (prefixLength + width);

    private double Cross(StackSpec stack, double sources) =>
        Float * spec.Width + Float * 2 * Queries(stack) + CrossKeysValues(stack, sources)
            + (Size == Float ? 0 : Float * 2 * KeysValues(stack) * sources);

    private double CrossKeysValues(StackSpec stack, double sources) =>
        Size * 4 * KeysValues(stack) * sources;

    /// <summary>Bytes of the masks of a causal stack.</summary>
    private double Masks(StackSpec stack, long rows, long width, bool isBranched)
    {
        bool isRelative = stack.Positions is RelativePositions;
        bool isWindowed = stack.Windows.Any(window => window < prefixLength + width);
        if (IsLong(stack, rows, width))
        {
            // Whole numbers and flags of which a mask is made.
            const int Making = 6;
            // One part of the queries, its scores where they are made, and their gradient.
            double ofScore = stack.ScoreCap is null ? 0 : 4 * Float;
            return isRelative || isWindowed || isBranched || stack.ScoreCap is not null || prefixLength > width
                ? MaskParts.MostNumbers * ((double)Size + Float + Making + ofScore) : 0;
        }
        return Places(rows, width) * Float * (isRelative ? stack.Heads.Count : stack.Heads.Group)
            * (isWindowed ? 2 : 1);
    }

    /// <summary>Whether a stack's masks are not made whole.</summary>
    private bool IsLong(StackSpec stack, long rows, long width)
    {
        int heads = stack.Positions is RelativePositions ? stack.Heads.Count : stack.Heads.Group;
        return Places(rows, width) * heads > AttentionInput.MostMaskNumbers;
    }

    private double Places(long rows, long width) => (double)rows * width * (prefixLength + width);

    private double OfLoss(long tokens, bool isDistilled)
    {
        if (isDistilled)
        {
            // Scores, the same at a temperature, and log-probabilities, of student and teacher; probabilities.
            double size = TargetLoss.ChunkTokens(spec.VocabularySize, isStored);
            return Math.Min(tokens, size) * spec.VocabularySize * (7.0 * Float + (Size == Float ? 0 : 3 * Size))
                + 2.0 * tokens * Size * spec.Width;
        }
        long words = isStored ? Math.Min(spec.VocabularySize, WordsOfBlock) : spec.VocabularySize;
        double chunk = Math.Min(tokens, TargetLoss.ChunkTokens(words, isStored: false));
        double ofScore = Size == Float ? 2 * Float : Float + 2 * Size;
        return chunk * words * ofScore + 2.0 * tokens * (isStored ? Float : Size) * spec.Width;
    }

    /// <summary>Bytes of the piece of memory in which stored matrices are wide (<see cref="WideSpace"/>).</summary>
    private double OfWideMatrices(bool isDistilled)
    {
        if (!isStored)
            return 0;
        long head = (long)spec.VocabularySize * spec.EmbeddingWidth;
        StackSpec[] stacks = spec.Encoder is { } encoder ? [spec.Decoder, encoder] : [spec.Decoder];
        long most = stacks.Max(stack => Math.Max(OfMatrix(stack.FeedForward.Inner * (long)spec.Width),
            OfMatrix((long)Queries(stack) * spec.Width)));
        // The loss goes over the head in blocks; a teacher's distributions take it as any other matrix.
        long ofHead = isDistilled ? OfMatrix(head) : Math.Min(head, WideSpace.DefaultBlockNumbers);
        return (double)Size * Math.Max(most, ofHead);

        static long OfMatrix(long numbers) =>
            numbers <= WideSpace.DefaultNumbers ? numbers : WideSpace.DefaultBlockNumbers;
    }

    private long WordsOfBlock => Math.Max(1, WideSpace.DefaultBlockNumbers / spec.EmbeddingWidth);

    private static double Norms(StackSpec stack) =>
        (stack.Residual == Residual.NormBothSides ? 4 : 2) + (stack.CrossAttention ? 1 : 0);

    // Whether a norm, or a gate, is one function of autograd.
    private static bool IsOneFunction(NormSpec norm) => norm.Kind != NormKind.Layer;

    private static bool IsOneFunction(FeedForwardSpec half) => half is { Gated: true, Activation: Activation.Silu };

    private static bool IsNormed(StackSpec stack) => stack.QueryKeyNorm != QueryKeyNorm.None;

    private static double Queries(StackSpec stack) => stack.Heads.Count * stack.Heads.Size;

    private static double KeysValues(StackSpec stack) => stack.Heads.KeyValueCount * stack.Heads.Size;

    /// <summary>What layers leave until the end of a pass.</summary>
    private enum Left
    {
        Nothing,

        /// <summary>Their inputs: they are run a second time.</summary>
        Inputs,

        /// <summary>All that their gradient needs.</summary>
        Everything,
    }
}
