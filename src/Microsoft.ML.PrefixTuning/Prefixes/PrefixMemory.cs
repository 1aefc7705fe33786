using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Prefixes;

/// <summary>
/// A memory with a prefix in its first columns, or one outside of the softmax, for one pass: training and scoring.
/// Gradients flow into the prefix. The tensors stay the caller's; the views of single layers belong to the dispose
/// scope in which the memory is made.
/// </summary>
internal sealed class PrefixMemory : IKeyValueMemory
{
    private const int SharedRank = 3;

    private readonly bool _isRecalled;
    private readonly Dictionary<AttentionSite, Tensor[][]> _layers;

    /// <summary>
    /// Takes the prefix apart once: the gradient of a whole site is then put together once, not a layer at a time.
    /// </summary>
    public PrefixMemory(SitePrefixes prefix)
    {
        _isRecalled = prefix.Convention.IsMemory;
        _layers = prefix.Values.ToDictionary(site => site.Key,
            site => site.Value.unbind(0).Select(layer => layer.unbind(0)).ToArray());
    }

    public (Tensor Keys, Tensor Values) Append(AttentionSite site, int layer, Tensor keys, Tensor values)
    {
        if (_isRecalled || !_layers.TryGetValue(site, out Tensor[][]? prefix))
            return (keys, values);
        return (InFront(prefix[layer][0], keys), InFront(prefix[layer][1], values));
    }

    public Tensor? Recall(AttentionSite site, int layer, Tensor queries) =>
        _isRecalled && _layers.TryGetValue(site, out Tensor[][]? memory)
            ? HeadMemory.Recall(queries, memory[layer][0]) : null;

    public IReadOnlyList<Tensor> Sources(AttentionSite site, int layer) =>
        _layers.TryGetValue(site, out Tensor[][]? prefix) ? prefix[layer] : [];

    private static Tensor InFront(Tensor prefix, Tensor tokens)
    {
        Tensor rows = prefix.Dimensions == SharedRank
            ? prefix.unsqueeze(0).expand(tokens.size(Axis.Row), -1, -1, -1) : prefix;
        return cat([rows, tokens], Axis.Key);
    }
}
