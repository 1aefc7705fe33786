using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Prefixes;

/// <summary>
/// A memory with a prefix in its first columns, for one pass: training and scoring. Gradients flow into the prefix. The
/// tensors stay the caller's.
/// </summary>
/// <param name="sites">
/// For each site the prefix as [N, 2, G, P, D], shared by all rows, or [N, 2, B, G, P, D], one a row; in the model's type.
/// </param>
internal sealed class PrefixMemory(IReadOnlyDictionary<AttentionSite, Tensor> sites) : IKeyValueMemory
{
    private const int SharedRank = 5;
    private const int LengthAxis = -2;

    public (Tensor Keys, Tensor Values) Append(AttentionSite site, int layer, Tensor keys, Tensor values)
    {
        if (!sites.TryGetValue(site, out Tensor? prefix))
            return (keys, values);
        Tensor own = prefix.select(0, layer);
        return (InFront(own.select(0, 0), keys), InFront(own.select(0, 1), values));
    }

    /// <summary>P of a site; 0 where it has no prefix.</summary>
    public static int LengthOf(IReadOnlyDictionary<AttentionSite, Tensor> sites, AttentionSite site) =>
        sites.TryGetValue(site, out Tensor? prefix) ? (int)prefix.size(LengthAxis) : 0;

    private static Tensor InFront(Tensor prefix, Tensor tokens)
    {
        Tensor rows = prefix.Dimensions == SharedRank - 2
            ? prefix.unsqueeze(0).expand(tokens.size(Axis.Row), -1, -1, -1) : prefix;
        return cat([rows, tokens], Axis.Key);
    }
}
