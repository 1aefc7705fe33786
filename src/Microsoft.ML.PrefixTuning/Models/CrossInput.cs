using System.Collections.Generic;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// A decoder's view of the encoder's output in one pass: keys and values of every layer, made once a row, and a mask.
/// </summary>
/// <param name="Keys">One [B, G, S, D] a layer, a prefix in front where there is one.</param>
/// <param name="Values">One [B, G, S, D] a layer.</param>
/// <param name="Places">Who sees whom: padding of the source.</param>
internal sealed record CrossInput(Tensor[] Keys, Tensor[] Values, AttentionPlaces Places)
{
    /// <summary>
    /// Neighbouring decoder rows that look at one source, such as the beams of a text: they are its queries, so that
    /// its keys and values lie in memory once. <see cref="Places"/> has a row a source and its queries.
    /// </summary>
    public int RowsPerSource { get; init; } = 1;

    /// <summary>What a layer looks at and may want a gradient of.</summary>
    /// <param name="layer">Layer, from 0.</param>
    public IReadOnlyList<Tensor> Sources(int layer) => [Keys[layer], Values[layer]];

    /// <summary>Cross-attention of one layer.</summary>
    /// <param name="x">[B, L, E].</param>
    /// <param name="block">The layer's weights.</param>
    /// <param name="spec">The decoder.</param>
    /// <param name="layer">Layer, from 0.</param>
    /// <param name="mask">What <see cref="Places"/> hide, made once a pass.</param>
    /// <returns>[B, L, E].</returns>
    public Tensor Attend(Tensor x, BlockWeights block, StackSpec spec, int layer, AttentionMask mask)
    {
        var pass = new AttentionPass(AttentionSite.Cross, layer, spec, block.Cross!, null, mask, NoMemory.Instance);
        if (RowsPerSource == 1)
            return Attention.Cross(x, Keys[layer], Values[layer], pass);
        Tensor shared = x.view(x.size(Axis.Row) / RowsPerSource, -1, x.size(Axis.Last));
        return Attention.Cross(shared, Keys[layer], Values[layer], pass).view(x.size(Axis.Row), -1, x.size(Axis.Last));
    }
}
