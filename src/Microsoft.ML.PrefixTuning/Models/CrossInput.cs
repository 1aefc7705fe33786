using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// A decoder's view of the encoder's output in one pass: keys and values of every layer, made once a row, and a mask.
/// </summary>
/// <param name="Keys">One [B, G, S, D] a layer, a prefix in front where there is one.</param>
/// <param name="Values">One [B, G, S, D] a layer.</param>
/// <param name="Columns">Who sees whom: padding of the source.</param>
internal sealed record CrossInput(Tensor[] Keys, Tensor[] Values, AttentionColumns Columns)
{
    private AttentionInput? _input;

    /// <summary>Cross-attention of one layer.</summary>
    /// <param name="x">[B, L, E].</param>
    /// <param name="block">The layer's weights.</param>
    /// <param name="spec">The decoder.</param>
    /// <param name="layer">Layer, from 0.</param>
    /// <returns>[B, L, E].</returns>
    public Tensor Attend(Tensor x, BlockWeights block, StackSpec spec, int layer)
    {
        _input ??= AttentionInput.Make(Columns, spec, null, x.dtype, x.device);
        var pass = new AttentionPass(AttentionSite.Cross, layer, spec.Heads, block.Cross!, null,
            AttentionPass.Factor(spec.ScoreScale, spec.Heads.Size), null, _input.FullMask, NoMemory.Instance);
        return Attention.Cross(x, Keys[layer], Values[layer], pass);
    }
}
