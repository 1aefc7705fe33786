using System;
using System.Collections.Generic;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>A frozen linear map: weight [out, in], bias [out].</summary>
internal sealed record Linear(FrozenMatrix Weight, torch.Tensor? Bias);

/// <summary>A frozen norm: weight and bias [E], float32 whatever the model's precision.</summary>
internal sealed record Norm(torch.Tensor Weight, torch.Tensor? Bias);

/// <summary>One attention: E to H * D, G * D, G * D and back, and norms of queries and keys, [D] or
/// [H * D] and [G * D].</summary>
internal sealed record AttentionWeights(Linear Query, Linear Key, Linear Value, Linear Output, Norm? QueryNorm,
    Norm? KeyNorm);

/// <summary>
/// A bottleneck behind a layer (Houlsby et al. 2019, one a layer as Lin et al. 2020 have it): no base has one, studies
/// tune it.
/// </summary>
/// <param name="Down">E to the bottleneck.</param>
/// <param name="Up">Back to E.</param>
internal sealed record BottleneckAdapter(Linear Down, Linear Up);

/// <summary>One layer.</summary>
internal sealed record BlockWeights
{
    public required Norm? AttentionNorm { get; init; }

    public required AttentionWeights Attention { get; init; }

    /// <summary>Second norm of <see cref="Residual.NormBothSides"/>.</summary>
    public Norm? AttentionPostNorm { get; init; }

    public Norm? CrossNorm { get; init; }

    public AttentionWeights? Cross { get; init; }

    public required Norm? FeedForwardNorm { get; init; }

    public Linear? Gate { get; init; }

    public required Linear Up { get; init; }

    public required Linear Down { get; init; }

    /// <summary>Second norm of <see cref="Residual.NormBothSides"/>.</summary>
    public Norm? FeedForwardPostNorm { get; init; }

    /// <summary>What comes behind the layer; null for nothing.</summary>
    public BottleneckAdapter? Adapter { get; init; }
}

/// <summary>One stack.</summary>
internal sealed record StackWeights
{
    public required IReadOnlyList<BlockWeights> Blocks { get; init; }

    /// <summary>[positions, E] of learned positions.</summary>
    public torch.Tensor? Positions { get; init; }

    /// <summary>[buckets, H] of relative positions.</summary>
    public torch.Tensor? RelativeBias { get; init; }

    public Norm? EmbeddingNorm { get; init; }

    /// <summary>Embedding width to E, and back.</summary>
    public Linear? ProjectIn { get; init; }

    public Linear? ProjectOut { get; init; }

    public Norm? FinalNorm { get; init; }
}

/// <summary>All frozen tensors of a model. Owns them: disposing it frees their memory.</summary>
internal sealed class ModelWeights(IReadOnlyList<torch.Tensor> owned) : IDisposable
{
    /// <summary>[V, embedding width].</summary>
    public required FrozenMatrix Embedding { get; init; }

    /// <summary>[V, embedding width]; the embedding itself where tied.</summary>
    public required FrozenMatrix Head { get; init; }

    /// <summary>[V].</summary>
    public torch.Tensor? HeadBias { get; init; }

    public required StackWeights Decoder { get; init; }

    public StackWeights? Encoder { get; init; }

    /// <summary>
    /// Names of tensors that the file holds and the model does not use: known buffers and empty ones.
    /// </summary>
    public IReadOnlyList<string> Ignored { get; init; } = [];

    /// <summary>Every tensor that is held, once.</summary>
    public IReadOnlyList<torch.Tensor> Owned => owned;

    /// <summary>Numbers of the model, each once; 0 where it was not read from a checkpoint.</summary>
    public long Numbers { get; init; }

    /// <summary>Where stored matrices are widened; null where all lie wide. Owned too.</summary>
    public WideSpace? Space { get; init; }

    public void Dispose()
    {
        foreach (torch.Tensor tensor in owned)
            tensor.Dispose();
        Space?.Dispose();
    }
}
