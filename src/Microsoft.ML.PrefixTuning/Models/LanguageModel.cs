using System;
using System.Threading;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// A frozen language model: embeddings, one or two stacks, output head. Pure functions over tensors; results belong to
/// the caller's dispose scope. Owns its weights. Safe for concurrent reading.
/// </summary>
internal sealed class LanguageModel : IDisposable
{
    private readonly ModelWeights _weights;
    private readonly TransformerStack _decoder;
    private readonly TransformerStack? _encoder;
    private readonly Lock _stepsLock = new();
    private readonly LanguageModel?[] _steps = new LanguageModel?[Enum.GetValues<StepForm>().Length];

    /// <summary>Takes ownership of the weights.</summary>
    public LanguageModel(TransformerSpec spec, ModelWeights weights)
    {
        (Spec, _weights) = (spec, weights);
        Device = weights.Embedding.Device;
        _decoder = new TransformerStack(spec.Decoder, weights.Decoder, AttentionSite.Decoder, Device);
        _encoder = spec.Encoder is null ? null
            : new TransformerStack(spec.Encoder, weights.Encoder!, AttentionSite.Encoder, Device);
    }

    public TransformerSpec Spec { get; }

    public Device Device { get; }

    /// <summary>Whether nothing ever moves its weights: only then may copies of them be kept.</summary>
    public bool IsFrozen { get; init; }

    /// <summary>Type of matrix products: float32 or bfloat16.</summary>
    public ScalarType Type => _weights.Embedding.Type;

    public ModelWeights Weights => _weights;

    /// <summary>Type of the hidden states of one new token a row in what <see cref="ForSteps"/> gives.</summary>
    public ScalarType StepType => HasOwnSteps ? ScalarType.Float32 : Type;

    private bool HasOwnSteps => IsFrozen && Type == ScalarType.BFloat16
        && Device.type == TorchSharp.DeviceType.CPU;

    /// <summary>
    /// This model as one new token a row goes through it: of a frozen one in bfloat16 on the CPU one whose hidden
    /// states are float32, for which <see cref="RowKernels"/> serve; else this one. Made when it is first asked for,
    /// and kept with this model, which owns it.
    /// </summary>
    /// <param name="form">How it makes products.</param>
    public LanguageModel ForSteps(StepForm form)
    {
        if (!HasOwnSteps)
            return this;
        lock (_stepsLock)
            return _steps[(int)form] ??= new LanguageModel(Spec, StepWeights.Of(_weights, form));
    }

    /// <summary>Whether the matrices of its layers are widened for each product.</summary>
    public bool IsStored => _weights.Decoder.Blocks[0].Up.Weight is StoredMatrix;

    /// <summary>Token embeddings.</summary>
    /// <param name="ids">[B, L], int64.</param>
    /// <returns>[B, L, embedding width].</returns>
    public Tensor Embed(Tensor ids)
    {
        Tensor rows = _weights.Embedding.Select(ids.flatten()).view(ids.size(0), ids.size(1), -1);
        return Spec.EmbeddingScale == 1 ? rows : rows * Scalars.Real(Spec.EmbeddingScale);
    }

    /// <summary>The decoder's hidden states.</summary>
    /// <param name="embedded">[B, L, embedding width].</param>
    /// <param name="places">Who sees whom.</param>
    /// <param name="memory">What self-attention looks back on.</param>
    /// <param name="cross">The encoder's output, for encoder-decoder models.</param>
    /// <param name="tape">Runs the layers a second time for their gradient; null where their tensors are kept.</param>
    /// <returns>[B, L, embedding width], ready for <see cref="Logits"/>.</returns>
    public Tensor Decode(Tensor embedded, AttentionPlaces places, IKeyValueMemory memory, CrossInput? cross = null,
        LayerTape? tape = null) => _decoder.Run(embedded, places, memory, cross, tape);

    /// <summary>The encoder's output.</summary>
    /// <param name="embedded">[B, source length, E].</param>
    /// <param name="places">Who sees whom.</param>
    /// <param name="memory">What self-attention looks back on.</param>
    /// <param name="tape">As in <see cref="Decode"/>.</param>
    /// <returns>[B, source length, E].</returns>
    public Tensor Encode(Tensor embedded, AttentionPlaces places, IKeyValueMemory memory, LayerTape? tape = null) =>
        (_encoder ?? throw new InvalidOperationException($"A {Spec.Family} model has no encoder."))
        .Run(embedded, places, memory, tape: tape);

    /// <summary>Every decoder layer's keys and values of an encoder's output.</summary>
    /// <param name="encoded">[B, source length, E].</param>
    /// <returns>One [B, G, source length, D] a layer each.</returns>
    public (Tensor[] Keys, Tensor[] Values) CrossKeysValues(Tensor encoded)
    {
        var keys = new Tensor[Spec.Decoder.Layers];
        var values = new Tensor[Spec.Decoder.Layers];
        for (int layer = 0; layer < keys.Length; layer++)
        {
            (keys[layer], values[layer]) =
                Attention.CrossKeysValues(encoded, _weights.Decoder.Blocks[layer].Cross!, Spec.Decoder.Heads);
        }
        return (keys, values);
    }

    /// <summary>Scores of the next token.</summary>
    /// <param name="hidden">[..., embedding width]: choose the wanted positions before, the product is large.</param>
    /// <returns>[..., V], in the type of the weights.</returns>
    public Tensor Logits(Tensor hidden)
    {
        Tensor scaled = Spec.Head.Scale == 1 ? hidden : hidden * Scalars.Real(Spec.Head.Scale);
        Tensor logits = _weights.Head.Product(scaled, _weights.HeadBias);
        return Spec.Head.Cap is { } cap ? Layers.Capped(logits, cap) : logits;
    }

    /// <summary>The gradient of hidden states from that of their logits.</summary>
    /// <param name="ofLogits">
    /// Gradient with respect to <see cref="Logits"/>, [tokens, V], in the type of the weights.
    /// </param>
    /// <param name="logits">The logits themselves, [tokens, V].</param>
    /// <returns>[tokens, embedding width].</returns>
    public Tensor HiddenGradient(Tensor ofLogits, Tensor logits)
    {
        if (Spec.Head.Cap is { } cap)
        {
            // The derivative of the cap, 1 - tanh^2, from what it gave.
            Tensor tanh = logits * Scalars.Real(1 / cap);
            ofLogits = ofLogits.addcmul(ofLogits * tanh, tanh, Scalars.MinusOne);
        }
        Tensor gradient = _weights.Head.BackProduct(ofLogits);
        return Spec.Head.Scale == 1 ? gradient : gradient.mul_(Scalars.Real(Spec.Head.Scale));
    }

    public void Dispose()
    {
        // Before what they are made of.
        foreach (LanguageModel? steps in _steps)
            steps?.Dispose();
        _decoder.Dispose();
        _encoder?.Dispose();
        _weights.Dispose();
    }
}
