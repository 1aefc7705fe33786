using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Checkpoints;

/// <summary>A tensor that a model asks of its checkpoint.</summary>
/// <param name="Name">Its name, without a root that some checkpoints have and others lack.</param>
/// <param name="Shape">Its shape as it is stored.</param>
/// <param name="IsOptional">Whether it may be absent.</param>
internal sealed record WantedTensor(string Name, long[] Shape, bool IsOptional = false)
{
    /// <summary>Whether it may be stored as a matrix of one row instead.</summary>
    public bool MayBeRow { get; init; }
}

/// <summary>
/// All tensors that a model asks of its checkpoint, in the order of the model, as a list that is made while it is
/// looked at: a config may claim millions of layers. What is not on it is not read.
/// </summary>
internal static class WeightList
{
    /// <summary>The list of a model.</summary>
    /// <param name="spec">The graph.</param>
    /// <param name="names">Where its weights lie.</param>
    public static IEnumerable<WantedTensor> Of(TransformerSpec spec, TensorNames names)
    {
        long[] embedding = [spec.VocabularySize, spec.EmbeddingWidth];
        yield return new WantedTensor(names.Embedding, embedding);
        foreach (string copy in EmbeddingCopies(spec, names))
            yield return new WantedTensor(copy, embedding, IsOptional: true);
        if (!spec.Head.Tied)
            yield return new WantedTensor(names.Head, embedding);
        if (spec.Head.Bias)
            yield return new WantedTensor(names.HeadBias!, [spec.VocabularySize], IsOptional: true) { MayBeRow = true };
        foreach (WantedTensor tensor in Stack(spec, spec.Decoder, names.Decoder, names.Transposed))
            yield return tensor;
        if (spec.Encoder is null)
            yield break;
        foreach (WantedTensor tensor in Stack(spec, spec.Encoder, names.Encoder!, names.Transposed))
            yield return tensor;
    }

    /// <summary>Names under which a copy of the embedding may lie; a tied head is one.</summary>
    public static IReadOnlyList<string> EmbeddingCopies(TransformerSpec spec, TensorNames names) =>
        spec.Head.Tied ? [names.Head, .. names.EmbeddingCopies] : names.EmbeddingCopies;

    private static IEnumerable<WantedTensor> Stack(TransformerSpec spec, StackSpec stack, StackNames names,
        bool transposed)
    {
        var list = new StackList(spec.Width, stack, transposed);
        for (int layer = 0; layer < stack.Layers; layer++)
        {
            string place = names.PlaceOf(layer);
            foreach (WantedTensor tensor in list.Block(names.Layer))
                yield return tensor with { Name = place + tensor.Name };
        }
        foreach (WantedTensor tensor in list.Around(names, spec.EmbeddingWidth))
            yield return tensor;
    }

    /// <summary>The tensors of one stack.</summary>
    private sealed class StackList(int width, StackSpec stack, bool transposed)
    {
        /// <summary>Those of a layer, relative to its block.</summary>
        public IEnumerable<WantedTensor> Block(BlockNames names)
        {
            bool both = stack.Residual == Residual.NormBothSides, bias = names.FeedForwardBias;
            int inner = stack.FeedForward.Inner;
            return
            [
                .. Norm(names.AttentionNorm, width),
                .. Attention(names.Attention),
                .. both ? Norm(names.AttentionPostNorm!, width) : [],
                .. stack.CrossAttention ? Norm(names.CrossNorm!, width) : [],
                .. stack.CrossAttention ? Attention(names.Cross!) : [],
                .. Norm(names.FeedForwardNorm, width),
                .. both ? Norm(names.FeedForwardPostNorm!, width) : [],
                .. stack.FeedForward.Gated && !names.GateInUp ? Linear(names.Gate!, inner, width, bias) : [],
                .. Linear(names.Up, names.GateInUp ? 2 * inner : inner, width, bias),
                .. Linear(names.Down, width, inner, bias),
            ];
        }

        /// <summary>Those before the first layer and behind the last.</summary>
        public IEnumerable<WantedTensor> Around(StackNames names, int embeddingWidth) =>
        [
            .. stack.Positions switch
            {
                LearnedPositions learned =>
                [
                    new WantedTensor(names.Positions!, [learned.Capacity + learned.Offset, width], learned.IsSinusoid),
                ],
                RelativePositions relative =>
                    [new WantedTensor(names.RelativeBias!, [relative.Buckets, stack.Heads.Count])],
                _ => (WantedTensor[])[],
            },
            .. stack.EmbeddingNorm ? Norm(names.EmbeddingNorm!, width) : [],
            .. names.ProjectIn is null ? [] : Linear(names.ProjectIn, width, embeddingWidth, bias: false),
            .. names.ProjectOut is null ? [] : Linear(names.ProjectOut, embeddingWidth, width, bias: false),
            .. stack.FinalNorm ? Norm(names.FinalNorm!, width) : [],
        ];

        private WantedTensor[] Attention(AttentionNames names)
        {
            HeadShape heads = stack.Heads;
            int all = heads.Count * heads.Size, shared = heads.KeyValueCount * heads.Size;
            bool bias = names.InputBias;
            WantedTensor[] inputs = names.Fused is { } fused ? Linear(fused.Name, all + 2 * shared, width, bias)
                : [.. Linear(names.Query!, all, width, bias), .. Linear(names.Key!, shared, width, bias),
                    .. Linear(names.Value!, shared, width, bias)];
            bool each = stack.QueryKeyNorm == QueryKeyNorm.EachHead;
            WantedTensor[] norms = stack.QueryKeyNorm == QueryKeyNorm.None ? []
                : [.. Norm(names.QueryNorm!, each ? heads.Size : all),
                    .. Norm(names.KeyNorm!, each ? heads.Size : shared)];
            return [.. inputs, .. Linear(names.Output, width, all, names.OutputBias), .. norms];
        }

        private WantedTensor[] Linear(string name, int output, int input, bool bias)
        {
            var weight = new WantedTensor($"{name}.weight", transposed ? [input, output] : [output, input]);
            return bias ? [weight, new WantedTensor($"{name}.bias", [output])] : [weight];
        }

        private WantedTensor[] Norm(string name, int size)
        {
            var weight = new WantedTensor($"{name}.weight", [size]);
            return stack.Norm.Kind == NormKind.Layer ? [weight, new WantedTensor($"{name}.bias", [size])] : [weight];
        }
    }
}
