using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Parametrizations;

/// <summary>Keys and values themselves are trained: one packed parameter a site.</summary>
internal sealed class TrainedKeyValues : TrainedPrefix
{
    private readonly Dictionary<AttentionSite, Tensor> _sites = [];

    /// <summary>Starts from a prefix.</summary>
    /// <param name="start">Starting values and convention.</param>
    /// <param name="device">Device of the base.</param>
    public TrainedKeyValues(Prefix start, Device device) : base(start.Convention)
    {
        foreach ((AttentionSite site, SitePrefix part) in start.Parts)
            _sites.Add(site, Train($"{site}", part.Values, part.Shape, device));
    }

    public override string Description => "keys and values";

    public override IReadOnlyDictionary<AttentionSite, Tensor> Materialize(SeededRandom? dropout = null) => _sites;
}
