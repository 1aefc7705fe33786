using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Parametrizations;

/// <summary>A prefix that is not trained, such as a discrete prompt's: it is only measured.</summary>
internal sealed class FixedPrefix : TrainedPrefix
{
    private readonly Dictionary<AttentionSite, Tensor> _sites;

    /// <summary>Takes a prefix as it is.</summary>
    /// <param name="prefix">The prefix.</param>
    /// <param name="device">Device of the base.</param>
    public FixedPrefix(Prefix prefix, Device device) : base(prefix.Convention) =>
        _sites = prefix.Parts.ToDictionary(part => part.Key, part =>
            AlignedTensor.Of(part.Value.Values, part.Value.Shape, device).DetachFromDisposeScope());

    public override string Description => "fixed";

    public override IReadOnlyDictionary<AttentionSite, Tensor> Materialize(SeededRandom? dropout = null) => _sites;

    protected override void DisposeFixed()
    {
        foreach (Tensor site in _sites.Values)
            site.Dispose();
    }
}
