using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Parametrizations;

/// <summary>
/// A shared part in front and one part a group behind it, trained together: the parts of attribute values (Clive, Cao
/// and Rei 2022, "Control Prefixes"). Keys and values themselves are trained, two packed parameters a site.
/// </summary>
internal sealed class TrainedGroups : TrainedPrefix
{
    private readonly Dictionary<AttentionSite, (Tensor Shared, Tensor Own)> _sites = [];

    /// <summary>Starts every group from a prefix of its own.</summary>
    /// <param name="starts">
    /// Starting values and convention of each group, K of them, at least 2; the shared part starts as the first one's.
    /// </param>
    /// <param name="ownLength">Last tokens of the prefix that each group has for itself; the others are shared.</param>
    /// <param name="device">Device of the base.</param>
    public TrainedGroups(IReadOnlyList<Prefix> starts, int ownLength, Device device) : base(starts[0].Convention)
    {
        Groups = starts.Count;
        using var noGradient = no_grad();
        foreach (AttentionSite site in starts[0].Sites)
        {
            using var scope = NewDisposeScope();
            Tensor values = stack(starts.Select(start => start.Parts[site])
                .Select(part => AlignedTensor.Of(part.Values, part.Shape, device)),
                    SitePrefixes.GroupAxis); // [N, 2, K, G, P, D]
            long sharedLength = values.size(SitePrefixes.LengthAxis) - ownLength;
            Tensor shared = values.narrow(SitePrefixes.GroupAxis, 0, 1)
                .narrow(SitePrefixes.LengthAxis, 0, sharedLength).clone(); // [N, 2, 1, G, shared, D]
            Tensor own = values.narrow(SitePrefixes.LengthAxis, sharedLength, ownLength)
                .clone(); // [N, 2, K, G, own, D]
            _sites.Add(site, (Train($"{site}.shared", shared), Train($"{site}.own", own)));
        }
    }

    public override string Description => "keys and values of groups";

    public override int Groups { get; }

    public override IReadOnlyDictionary<AttentionSite, Tensor> Materialize(SeededRandom? dropout = null)
    {
        var sites = new Dictionary<AttentionSite, Tensor>();
        foreach ((AttentionSite site, (Tensor shared, Tensor own)) in _sites)
            sites.Add(site, cat([shared.expand(-1, -1, Groups, -1, -1, -1), own], SitePrefixes.LengthAxis));
        return sites;
    }
}
