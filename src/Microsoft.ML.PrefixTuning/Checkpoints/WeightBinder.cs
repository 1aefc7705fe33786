using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints;

/// <summary>
/// Names and a description to frozen weights: first every name and shape on the model's list is compared with the
/// file, and what is wrong gathered, without reading a tensor; then the tensors are read.
/// </summary>
internal static class WeightBinder
{
    /// <summary>Reads all weights of a model.</summary>
    /// <param name="spec">The graph.</param>
    /// <param name="names">Where its weights lie.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="type">Type of linear maps and embeddings; norms are float32.</param>
    /// <param name="device">Where the weights go.</param>
    /// <param name="form">
    /// How matrices are kept; as they are stored, they lie in the source, which then stays open.
    /// </param>
    /// <returns>Weights, owned by the caller.</returns>
    /// <exception cref="FormatException">
    /// A tensor is missing, surplus, of another shape or type, or not finite.
    /// </exception>
    public static ModelWeights Bind(TransformerSpec spec, TensorNames names, ITensorSource source, ScalarType type,
        Device device, MatrixForm form = MatrixForm.Wide)
    {
        FoundWeights found = new WeightCheck(names, source).Find(WeightList.Of(spec, names));
        // Rows that are kept in fewer bits are widened a part at a time on the way.
        WideSpace? space = form == MatrixForm.Wide ? null : new WideSpace(type, device);
        bool stays = form == MatrixForm.AsStored;
        var reader = new WeightReader(source, found, new WeightForm(type, device, names.Transposed, form, space));
        try
        {
            return Model(spec, names, reader, found, stays ? space : null);
        }
        catch
        {
            reader.DisposeOwned();
            stays = false;
            throw;
        }
        finally
        {
            if (!stays)
                space?.Dispose();
        }
    }

    private static ModelWeights Model(TransformerSpec spec, TensorNames names, WeightReader reader,
        FoundWeights found, WideSpace? space)
    {
        IReadOnlyList<string> copies = WeightList.EmbeddingCopies(spec, names);
        FrozenMatrix embedding = reader.Matrix(names.Embedding, copies);
        return new ModelWeights(reader.Owned)
        {
            Embedding = embedding,
            Head = spec.Head.Tied ? embedding : reader.Matrix(names.Head),
            HeadBias = spec.Head.Bias ? reader.OptionalBias(names.HeadBias!) : null,
            Decoder = Stack(spec, spec.Decoder, names.Decoder, reader),
            Ignored = found.Ignored,
            Numbers = reader.Count(found.Places.Keys.Except(copies)),
            Space = space,
            Encoder = spec.Encoder is null ? null : Stack(spec, spec.Encoder, names.Encoder!, reader),
        };
    }

    private static StackWeights Stack(TransformerSpec spec, StackSpec stack, StackNames names,
        WeightReader reader) => new()
        {
            Blocks = [.. Enumerable.Range(0, stack.Layers)
            .Select(layer => Block(stack, names.Layer, reader.At(names.PlaceOf(layer))))],
            Positions = stack.Positions is LearnedPositions learned
            ? reader.Positions(names.Positions!, learned, spec.Width) : null,
            RelativeBias = stack.Positions is RelativePositions ? reader.Tensor(names.RelativeBias!) : null,
            EmbeddingNorm = stack.EmbeddingNorm ? reader.Norm(names.EmbeddingNorm!, stack.Norm) : null,
            ProjectIn = names.ProjectIn is null ? null : reader.Linear(names.ProjectIn, bias: false),
            ProjectOut = names.ProjectOut is null ? null : reader.Linear(names.ProjectOut, bias: false),
            FinalNorm = stack.FinalNorm ? reader.Norm(names.FinalNorm!, stack.Norm) : null,
        };

    private static BlockWeights Block(StackSpec stack, BlockNames names, WeightReader reader)
    {
        bool both = stack.Residual == Residual.NormBothSides, bias = names.FeedForwardBias;
        (Linear? gate, Linear up) = names.GateInUp ? reader.Halves(names.Up, stack.FeedForward.Inner, bias)
            : (stack.FeedForward.Gated ? reader.Linear(names.Gate!, bias) : null, reader.Linear(names.Up, bias));
        return new BlockWeights
        {
            AttentionNorm = reader.Norm(names.AttentionNorm, stack.Norm),
            Attention = Attention(stack, names.Attention, reader),
            AttentionPostNorm = both ? reader.Norm(names.AttentionPostNorm!, stack.Norm) : null,
            CrossNorm = stack.CrossAttention ? reader.Norm(names.CrossNorm!, stack.Norm) : null,
            Cross = stack.CrossAttention ? Attention(stack, names.Cross!, reader) : null,
            FeedForwardNorm = reader.Norm(names.FeedForwardNorm, stack.Norm),
            FeedForwardPostNorm = both ? reader.Norm(names.FeedForwardPostNorm!, stack.Norm) : null,
            Gate = gate,
            Up = up,
            Down = reader.Linear(names.Down, bias),
        };
    }

    private static AttentionWeights Attention(StackSpec stack, AttentionNames names, WeightReader reader)
    {
        (Linear query, Linear key, Linear value) = names.Fused is { } fused
            ? reader.Fused(fused, stack.Heads, names.InputBias)
            : (reader.Linear(names.Query!, names.InputBias),
               reader.Linear(names.Key!, names.InputBias),
               reader.Linear(names.Value!, names.InputBias));
        bool normed = stack.QueryKeyNorm != QueryKeyNorm.None;
        return new AttentionWeights(query, key, value, reader.Linear(names.Output, names.OutputBias),
            normed ? reader.Norm(names.QueryNorm!, stack.Norm) : null,
            normed ? reader.Norm(names.KeyNorm!, stack.Norm) : null);
    }
}
