using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints;

/// <summary>
/// Names and a description to frozen weights. Walks the model twice along one path: first to compare every name and
/// shape with the file and gather what is wrong, without reading a tensor; then to read.
/// </summary>
internal static class WeightBinder
{
    /// <summary>Reads all weights of a model.</summary>
    /// <param name="spec">The graph.</param>
    /// <param name="names">Where its weights lie.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="type">Type of linear maps and embeddings; norms are float32.</param>
    /// <param name="device">Where the weights go.</param>
    /// <returns>Weights, owned by the caller.</returns>
    /// <exception cref="FormatException">
    /// A tensor is missing, surplus, of another shape or type, or not finite.
    /// </exception>
    public static ModelWeights Bind(TransformerSpec spec, TensorNames names, ITensorSource source, ScalarType type,
        Device device)
    {
        var check = new WeightReader(names, source, type, device, readsValues: false);
        Model(spec, names, check, ignored: []);
        check.ThrowFaults();
        IReadOnlyList<string> ignored = check.RefuseSurplus();
        var read = new WeightReader(names, source, type, device, readsValues: true);
        try
        {
            return Model(spec, names, read, ignored);
        }
        catch
        {
            read.DisposeOwned();
            throw;
        }
    }

    private static ModelWeights Model(TransformerSpec spec, TensorNames names, WeightReader reader,
        IReadOnlyList<string> ignored)
    {
        Tensor embedding = reader.Matrix(names.Embedding, [spec.VocabularySize, spec.EmbeddingWidth]);
        Tensor head = embedding;
        if (spec.Head.Tied)
            reader.Copies([names.Head, .. names.EmbeddingCopies], embedding,
                [spec.VocabularySize, spec.EmbeddingWidth]);
        else
        {
            reader.Copies(names.EmbeddingCopies, embedding, [spec.VocabularySize, spec.EmbeddingWidth]);
            head = reader.Matrix(names.Head, [spec.VocabularySize, spec.EmbeddingWidth]);
        }
        return new ModelWeights(reader.Owned)
        {
            Embedding = embedding,
            Head = head,
            HeadBias = spec.Head.Bias ? reader.OptionalBias(names.HeadBias!, spec.VocabularySize) : null,
            Decoder = Stack(spec, spec.Decoder, names.Decoder, reader),
            Ignored = ignored,
            Encoder = spec.Encoder is null ? null : Stack(spec, spec.Encoder, names.Encoder!, reader),
        };
    }

    private static StackWeights Stack(TransformerSpec spec, StackSpec stack, StackNames names, WeightReader reader)
    {
        var blocks = new List<BlockWeights>();
        // A wrong number of layers ends the walk at its first faults, whatever the number is.
        for (int layer = 0; layer < stack.Layers && !reader.IsFull; layer++)
            blocks.Add(Block(spec.Width, stack, names.Layer,
                reader.At(names.Block.Replace("{layer}", $"{layer}", StringComparison.Ordinal))));
        bool bias = stack.Norm.Kind == NormKind.Layer;
        return new StackWeights
        {
            Blocks = blocks,
            Positions = stack.Positions is LearnedPositions learned
                ? reader.Matrix(names.Positions!, [learned.Capacity + learned.Offset, spec.Width]) : null,
            RelativeBias = stack.Positions is RelativePositions relative
                ? reader.Matrix(names.RelativeBias!, [relative.Buckets, stack.Heads.Count]) : null,
            EmbeddingNorm = stack.EmbeddingNorm ? reader.Norm(names.EmbeddingNorm!, spec.Width, stack.Norm) : null,
            ProjectIn = names.ProjectIn is null ? null
                : reader.Linear(names.ProjectIn, spec.Width, spec.EmbeddingWidth, false),
            ProjectOut = names.ProjectOut is null ? null
                : reader.Linear(names.ProjectOut, spec.EmbeddingWidth, spec.Width, false),
            FinalNorm = stack.FinalNorm ? reader.Norm(names.FinalNorm!, spec.Width, stack.Norm) : null,
        };
    }

    private static BlockWeights Block(int width, StackSpec stack, BlockNames names, WeightReader reader)
    {
        FeedForwardSpec inner = stack.FeedForward;
        bool both = stack.Residual == Residual.NormBothSides;
        return new BlockWeights
        {
            AttentionNorm = reader.Norm(names.AttentionNorm, width, stack.Norm),
            Attention = Attention(width, stack, names.Attention, reader),
            AttentionPostNorm = both ? reader.Norm(names.AttentionPostNorm!, width, stack.Norm) : null,
            CrossNorm = stack.CrossAttention ? reader.Norm(names.CrossNorm!, width, stack.Norm) : null,
            Cross = stack.CrossAttention ? Attention(width, stack, names.Cross!, reader) : null,
            FeedForwardNorm = reader.Norm(names.FeedForwardNorm, width, stack.Norm),
            FeedForwardPostNorm = both ? reader.Norm(names.FeedForwardPostNorm!, width, stack.Norm) : null,
            Gate = inner.Gated ? reader.Linear(names.Gate!, inner.Inner, width, names.FeedForwardBias) : null,
            Up = reader.Linear(names.Up, inner.Inner, width, names.FeedForwardBias),
            Down = reader.Linear(names.Down, width, inner.Inner, names.FeedForwardBias),
        };
    }

    private static AttentionWeights Attention(int width, StackSpec stack, AttentionNames names, WeightReader reader)
    {
        HeadShape heads = stack.Heads;
        int all = heads.Count * heads.Size, shared = heads.KeyValueCount * heads.Size;
        (Linear query, Linear key, Linear value) = names.Fused is { } fused
            ? reader.Fused(fused, heads, width, names.InputBias)
            : (reader.Linear(names.Query!, all, width, names.InputBias),
               reader.Linear(names.Key!, shared, width, names.InputBias),
               reader.Linear(names.Value!, shared, width, names.InputBias));
        return new AttentionWeights(query, key, value, reader.Linear(names.Output, width, all, names.OutputBias),
            stack.QueryKeyNorm ? reader.Norm(names.QueryNorm!, heads.Size, stack.Norm) : null,
            stack.QueryKeyNorm ? reader.Norm(names.KeyNorm!, heads.Size, stack.Norm) : null);
    }
}
