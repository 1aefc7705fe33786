using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Studies.Baselines;

/// <summary>The weights of a model with some tensors exchanged; what is not exchanged is shared.</summary>
internal static class WeightMap
{
    /// <summary>All tensors but the head's bias.</summary>
    /// <param name="weights">The weights.</param>
    /// <param name="change">From a tensor to the one in its place; a tied one is asked for twice.</param>
    public static ModelWeights All(ModelWeights weights, Func<Tensor, Tensor> change) => new([])
    {
        Embedding = Matrix(weights.Embedding, change),
        Head = Matrix(weights.Head, change),
        HeadBias = weights.HeadBias,
        Decoder = Stack(weights.Decoder, change),
        Encoder = weights.Encoder is null ? null : Stack(weights.Encoder, change),
    };

    /// <summary>Layers of the decoder and of an encoder.</summary>
    /// <param name="weights">The weights.</param>
    /// <param name="change">From a layer, its number and how many there are to the layer in its place.</param>
    public static ModelWeights Blocks(ModelWeights weights, Func<BlockWeights, int, int, BlockWeights> change)
    {
        return new ModelWeights([])
        {
            Embedding = weights.Embedding,
            Head = weights.Head,
            HeadBias = weights.HeadBias,
            Decoder = OfStack(weights.Decoder),
            Encoder = weights.Encoder is null ? null : OfStack(weights.Encoder),
        };

        StackWeights OfStack(StackWeights stack) => stack with
        {
            Blocks = [.. stack.Blocks.Select((block, layer) => change(block, layer, stack.Blocks.Count))],
        };
    }

    /// <summary>One layer.</summary>
    public static BlockWeights Block(BlockWeights block, Func<Tensor, Tensor> change) => block with
    {
        AttentionNorm = Norm(block.AttentionNorm, change),
        Attention = Attention(block.Attention, change),
        AttentionPostNorm = Norm(block.AttentionPostNorm, change),
        CrossNorm = Norm(block.CrossNorm, change),
        Cross = block.Cross is null ? null : Attention(block.Cross, change),
        FeedForwardNorm = Norm(block.FeedForwardNorm, change),
        Gate = block.Gate is null ? null : Map(block.Gate, change),
        Up = Map(block.Up, change),
        Down = Map(block.Down, change),
        FeedForwardPostNorm = Norm(block.FeedForwardPostNorm, change),
    };

    /// <summary>A matrix over another tensor.</summary>
    /// <exception cref="NotSupportedException">It does not lie in memory as numbers that can move.</exception>
    public static FrozenMatrix Matrix(FrozenMatrix matrix, Func<Tensor, Tensor> change) =>
        matrix is WideMatrix wide ? new WideMatrix(change(wide.Tensor)) : throw new NotSupportedException(
            "Weights that move: expected a base in float32 or bfloat16, found one that stays as it is stored.");

    private static StackWeights Stack(StackWeights stack, Func<Tensor, Tensor> change) => stack with
    {
        Blocks = [.. stack.Blocks.Select(block => Block(block, change))],
        Positions = stack.Positions is null ? null : change(stack.Positions),
        RelativeBias = stack.RelativeBias is null ? null : change(stack.RelativeBias),
        EmbeddingNorm = Norm(stack.EmbeddingNorm, change),
        ProjectIn = stack.ProjectIn is null ? null : Map(stack.ProjectIn, change),
        ProjectOut = stack.ProjectOut is null ? null : Map(stack.ProjectOut, change),
        FinalNorm = Norm(stack.FinalNorm, change),
    };

    private static AttentionWeights Attention(AttentionWeights attention, Func<Tensor, Tensor> change) =>
        new(Map(attention.Query, change), Map(attention.Key, change), Map(attention.Value, change),
            Map(attention.Output, change), Norm(attention.QueryNorm, change), Norm(attention.KeyNorm, change));

    private static Linear Map(Linear linear, Func<Tensor, Tensor> change) =>
        new(Matrix(linear.Weight, change), linear.Bias is null ? null : change(linear.Bias));

    private static Norm? Norm(Norm? norm, Func<Tensor, Tensor> change) =>
        norm is null ? null : new Norm(change(norm.Weight), norm.Bias is null ? null : change(norm.Bias));
}
