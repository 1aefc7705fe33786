using System.Collections.Generic;
using TorchSharp;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// What attention can look back on. A layer hands over its new keys and values and gets back all that its queries
/// attend to: a trained prefix in front of them, a cache of earlier tokens, or just the new ones. The graph knows no
/// more. A layer's tensors may end with the layer: a memory that keeps them owns what it keeps.
/// </summary>
internal interface IKeyValueMemory
{
    /// <summary>Takes a layer's new keys and values, gives all visible ones.</summary>
    /// <param name="site">Which attention.</param>
    /// <param name="layer">Layer, from 0.</param>
    /// <param name="keys">[B, G, L, D], already rotated.</param>
    /// <param name="values">[B, G, L, D].</param>
    /// <returns>Keys and values [B, G, S, D], owned by the memory or the current dispose scope.</returns>
    (torch.Tensor Keys, torch.Tensor Values) Append(AttentionSite site, int layer, torch.Tensor keys,
        torch.Tensor values);

    /// <summary>
    /// Takes one new token of every row and gives where all visible ones lie; null, with nothing taken, where that is
    /// not in the processor's reach.
    /// </summary>
    /// <param name="site">Which attention.</param>
    /// <param name="layer">Layer, from 0.</param>
    /// <param name="keys">[B, 1, G, D], float32, already rotated, contiguous.</param>
    /// <param name="values">[B, 1, G, D], float32, contiguous.</param>
    KeyValuePlaces? AppendToken(AttentionSite site, int layer, torch.Tensor keys, torch.Tensor values) => null;

    /// <summary>
    /// What queries take from a memory outside of the softmax, which is added to what they take from the values; null
    /// where no row has one. Asked for before <see cref="Append"/>.
    /// </summary>
    /// <param name="site">Which attention.</param>
    /// <param name="layer">Layer, from 0.</param>
    /// <param name="queries">[B, L, H, D], normed, not rotated.</param>
    /// <returns>[B, L, H * D], as <see cref="HeadMemory"/> has it; zeros for rows that have none.</returns>
    torch.Tensor? Recall(AttentionSite site, int layer, torch.Tensor queries) => null;

    /// <summary>What the memory adds to a layer and may want a gradient of.</summary>
    /// <param name="site">Which attention.</param>
    /// <param name="layer">Layer, from 0.</param>
    IReadOnlyList<torch.Tensor> Sources(AttentionSite site, int layer) => [];
}

/// <summary>A memory that keeps nothing: queries see the new keys alone.</summary>
internal sealed class NoMemory : IKeyValueMemory
{
    public static NoMemory Instance { get; } = new();

    public (torch.Tensor Keys, torch.Tensor Values) Append(AttentionSite site, int layer, torch.Tensor keys,
        torch.Tensor values) => (keys, values);
}
