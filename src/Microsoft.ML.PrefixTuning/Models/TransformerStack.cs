using System;
using System.Diagnostics;
using System.Linq;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// One stack of layers as a function of embeddings, places and a memory. Holds no state of a pass; owns only the
/// rotary frequencies.
/// </summary>
/// <remarks>
/// <code>
///  NormFirst            NormLast              Parallel                 NormBothSides
///  x ─┬─ norm ─ attn ─+  x ─┬─ attn ─+─ norm   x ─┬─ norm1 ─ attn ─+     x ─┬─ norm ─ attn ─ norm ─+
///     └───────────────┘     └────────┘            ├─ norm2 ─ ff ───+        └──────────────────────┘
///                                                 └────────────────┘     NormBehind: the same without the first norm
/// </code>
/// </remarks>
internal sealed class TransformerStack : IDisposable
{
    private readonly StackSpec _spec;
    private readonly StackWeights _weights;
    private readonly AttentionSite _site;
    private readonly RotaryTable? _full;
    private readonly RotaryTable? _windowed;

    /// <summary>Binds a description to its weights, which stay the caller's.</summary>
    public TransformerStack(StackSpec spec, StackWeights weights, AttentionSite site, Device device)
    {
        (_spec, _weights, _site) = (spec, weights, site);
        if (spec.Positions is RotaryPositions rotary)
        {
            _full = new RotaryTable(rotary.Full, device);
            _windowed = rotary.Windowed is null ? null : new RotaryTable(rotary.Windowed, device);
        }
    }

    public StackSpec Spec => _spec;

    public StackWeights Weights => _weights;

    /// <summary>The hidden states behind the last layer.</summary>
    /// <param name="embedded">Token embeddings [B, L, embedding width], without positions.</param>
    /// <param name="places">Who sees whom in self-attention.</param>
    /// <param name="memory">What self-attention (and cross-attention) looks back on.</param>
    /// <param name="cross">Cross-attention of this pass, for a decoder beside an encoder.</param>
    /// <param name="tape">Runs the layers a second time for their gradient; null where their tensors are kept.</param>
    /// <returns>[B, L, E], normed where the model has a final norm.</returns>
    public Tensor Run(Tensor embedded, AttentionPlaces places, IKeyValueMemory memory, CrossInput? cross = null,
        LayerTape? tape = null)
    {
        ScalarType type = embedded.dtype;
        var input = AttentionInput.Make(places, _spec, _weights.RelativeBias, type, embedded.device);
        Tensor x = Place(embedded, input.Positions);
        (Tensor, Tensor)? full = _full?.Angles(input.Positions, type);
        (Tensor, Tensor)? windowed = _windowed?.Angles(input.Positions, type) ?? full;
        AttentionMask crossMask = cross is null ? default
            : AttentionInput.Make(cross.Places, _spec, null, type, embedded.device).FullMask;
        for (int layer = 0; layer < _spec.Layers; layer++)
        {
            BlockWeights block = _weights.Blocks[layer];
            var rotation = Rotates(layer) ? _spec.Window(layer) is null ? full : windowed : null;
            var pass = new AttentionPass(_site, layer, _spec, block.Attention, rotation, input.MaskOf(_spec, layer),
                memory);
            Tensor next = tape is null ? BlockAlone(x, block, pass, cross, crossMask)
                : tape.Run(x, [.. memory.Sources(_site, layer), .. cross?.Sources(layer) ?? []],
                    input => BlockAlone(input, block, pass, cross, crossMask));
            if (layer > 0 && tape is null)
                x.Dispose();
            x = next;
        }
        if (_weights.FinalNorm is not null)
            x = _weights.FinalNorm.Apply(x, _spec.Norm);
        return _weights.ProjectOut is null ? x : _weights.ProjectOut.Apply(x);
    }

    public void Dispose()
    {
        _full?.Dispose();
        _windowed?.Dispose();
    }

    private bool Rotates(int layer) => _spec.Positions is RotaryPositions rotary && !rotary.Unrotated.Contains(layer);

    private Tensor Place(Tensor embedded, Tensor positions)
    {
        Tensor x = _weights.ProjectIn is null ? embedded : _weights.ProjectIn.Apply(embedded);
        if (_spec.Positions is LearnedPositions learned)
        {
            Tensor rows = learned.Offset == 0 ? positions : positions.Plus(Scalars.Whole(learned.Offset));
            x = x.Plus(_weights.Positions!.index_select(0, rows.flatten()).view(x.size(Axis.Row), x.size(Axis.Token),
                -1));
        }
        return _weights.EmbeddingNorm is null ? x : _weights.EmbeddingNorm.Apply(x, _spec.Norm);
    }

    /// <summary>
    /// A block whose tensors end with it, but for those that a gradient needs: the next one finds their memory again,
    /// still in the processor's cache and without page faults (docs/performance.md).
    /// </summary>
    private Tensor BlockAlone(Tensor x, BlockWeights block, in AttentionPass pass, CrossInput? cross,
        AttentionMask crossMask)
    {
        using var scope = NewDisposeScope();
        return Block(x, block, pass, cross, crossMask).MoveToOuterDisposeScope();
    }

    private Tensor Block(Tensor x, BlockWeights block, in AttentionPass pass, CrossInput? cross,
        AttentionMask crossMask)
    {
        Tensor y = Halves(x, block, pass, cross, crossMask);
        return block.Adapter is null ? y : block.Adapter.Apply(y);
    }

    private Tensor Halves(Tensor x, BlockWeights block, in AttentionPass pass, CrossInput? cross,
        AttentionMask crossMask)
    {
        NormSpec norm = _spec.Norm;
        switch (_spec.Residual)
        {
            case Residual.NormFirst:
                x = Sum(x, Attention.Self(block.AttentionNorm!.Apply(x, norm), pass));
                if (cross is not null)
                    x = Sum(x, cross.Attend(block.CrossNorm!.Apply(x, norm), block, _spec, pass.Layer, crossMask));
                return Sum(x, Layers.FeedForward(block, _spec.FeedForward, block.FeedForwardNorm!.Apply(x, norm)));
            case Residual.NormLast:
                x = block.AttentionNorm!.Apply(Sum(x, Attention.Self(x, pass)), norm);
                if (cross is not null)
                    x = block.CrossNorm!.Apply(Sum(x, cross.Attend(x, block, _spec, pass.Layer, crossMask)), norm);
                return block.FeedForwardNorm!.Apply(Sum(x, Layers.FeedForward(block, _spec.FeedForward, x)), norm);
            case Residual.Parallel:
                return Sum(Sum(x, Attention.Self(block.AttentionNorm!.Apply(x, norm), pass)),
                    Layers.FeedForward(block, _spec.FeedForward, block.FeedForwardNorm!.Apply(x, norm)));
            case Residual.NormBothSides:
                x = Sum(x, block.AttentionPostNorm!.Apply(Attention.Self(block.AttentionNorm!.Apply(x, norm), pass),
                    norm));
                return Sum(x, block.FeedForwardPostNorm!.Apply(
                    Layers.FeedForward(block, _spec.FeedForward, block.FeedForwardNorm!.Apply(x, norm)), norm));
            case Residual.NormBehind:
                x = Sum(x, block.AttentionNorm!.Apply(Attention.Self(x, pass), norm));
                return Sum(x,
                    block.FeedForwardNorm!.Apply(Layers.FeedForward(block, _spec.FeedForward, x), norm));
            default:
                throw new UnreachableException($"Residual {_spec.Residual} is not known here.");
        }
    }

    /// <summary>The residual stream and a half of a block.</summary>
    private Tensor Sum(Tensor x, Tensor half) =>
        RowKernels.Suits(x) && RowKernels.Suits(half) ? RowKernels.Sum(x, half, _spec.ResidualScale)
        : _spec.ResidualScale == 1 ? x.Plus(half)
        : x.add(half, Scalars.Real(_spec.ResidualScale));

    /// <summary>The frequencies of one rotation, on the device. Owns its tensor.</summary>
    private sealed class RotaryTable : IDisposable
    {
        private readonly Tensor _frequencies;
        private readonly double _attentionFactor;

        public RotaryTable(RotarySpec spec, Device device)
        {
            (float[] frequencies, _attentionFactor) = Rotary.Frequencies(spec);
            _frequencies = AlignedTensor.Of(frequencies, [frequencies.Length], device).DetachFromDisposeScope();
        }

        public (Tensor Cosine, Tensor Sine) Angles(Tensor positions, ScalarType type) =>
            Rotary.Angles(positions, _frequencies, _attentionFactor, type);

        public void Dispose() => _frequencies.Dispose();
    }
}
