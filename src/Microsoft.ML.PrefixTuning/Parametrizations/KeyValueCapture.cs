using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Parametrizations;

/// <summary>
/// A memory that keeps the keys and values of one row as they pass, those of several passes one behind the other. Owns
/// them.
/// </summary>
internal sealed class KeyValueCapture : IKeyValueMemory, IDisposable
{
    private readonly SortedDictionary<(AttentionSite Site, int Layer), Tensor> _kept = [];

    public (Tensor Keys, Tensor Values) Append(AttentionSite site, int layer, Tensor keys, Tensor values)
    {
        Tensor passed = cat([keys, values], Axis.Row);                                             // [2, G, L, D]
        if (_kept.Remove((site, layer), out Tensor? before))
        {
            using (before)
                passed = cat([before, passed], Axis.Key);                                          // [2, G, P, D]
            (keys, values) = (passed.narrow(Axis.Row, 0, 1), passed.narrow(Axis.Row, 1, 1));
        }
        _kept[(site, layer)] = passed.DetachFromDisposeScope();
        return (keys, values);
    }

    /// <summary>
    /// The keys and values that a decoder-only model makes of a prompt at positions 0 to P - 1, as a function of its
    /// embeddings.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="embedded">[1, P, embedding width], in the model's type.</param>
    /// <returns>[N, 2, G, P, D], float32.</returns>
    public static Tensor OfPrompt(LanguageModel model, Tensor embedded)
    {
        int length = (int)embedded.size(Axis.Token);
        AttentionPlaces places =
            TokenPlaces.Causal([new RowState(0, 0, length)], length, 0, length, PrefixConvention.DecoderOnly);
        using var capture = new KeyValueCapture();
        model.Decode(embedded, places, capture);
        return capture.Packed(AttentionSite.Decoder);
    }

    /// <summary>What was kept of a site.</summary>
    /// <returns>[N, 2, G, P, D], float32.</returns>
    public Tensor Packed(AttentionSite site) =>
        stack([.. _kept.Where(kept => kept.Key.Site == site).Select(kept => kept.Value)]).to(ScalarType.Float32);

    /// <summary>What was kept of a site, in managed memory.</summary>
    public SitePrefix Part(AttentionSite site)
    {
        Tensor packed = Packed(site).cpu();
        return new SitePrefix((int)packed.size(0), (int)packed.size(2), (int)packed.size(3), (int)packed.size(4),
            packed.data<float>().ToArray());
    }

    public void Dispose()
    {
        foreach (Tensor tensor in _kept.Values)
            tensor.Dispose();
        _kept.Clear();
    }
}
