using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Prefixes;

/// <summary>A memory that keeps the keys and values of one row as they pass. Its tensors belong to the dispose scope of the pass.</summary>
internal sealed class KeyValueCapture : IKeyValueMemory
{
    private readonly SortedDictionary<(AttentionSite Site, int Layer), Tensor> _kept = [];

    public (Tensor Keys, Tensor Values) Append(AttentionSite site, int layer, Tensor keys, Tensor values)
    {
        _kept[(site, layer)] = cat([keys, values], Axis.Row);                        // [2, G, P, D]
        return (keys, values);
    }

    /// <summary>What was kept of a site, in managed memory.</summary>
    public SitePrefix Part(AttentionSite site)
    {
        Tensor[] layers = [.. _kept.Where(kept => kept.Key.Site == site).Select(kept => kept.Value)];
        Tensor packed = stack(layers).to(ScalarType.Float32).cpu();                  // [N, 2, G, P, D]
        return new SitePrefix(layers.Length, (int)packed.size(2), (int)packed.size(3), (int)packed.size(4),
            packed.data<float>().ToArray());
    }
}
