using System.Collections.Generic;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Prefixes;

/// <summary>
/// A shared part in front and one part a group behind it, trained together: the parts of attribute values (Clive, Cao and
/// Rei 2022, "Control Prefixes"). Keys and values themselves are trained, two packed parameters a site.
/// </summary>
internal sealed class GroupedParametrization : PrefixParametrization
{
    private readonly Dictionary<AttentionSite, (Tensor Shared, Tensor Own)> _sites = [];

    /// <summary>Starts every group from the same prefix.</summary>
    /// <param name="start">Starting values and convention.</param>
    /// <param name="groups">K, at least 2.</param>
    /// <param name="ownLength">Last tokens of the prefix that each group has for itself; the others are shared.</param>
    /// <param name="device">Device of the base.</param>
    public GroupedParametrization(Prefix start, int groups, int ownLength, Device device) : base(start.Convention)
    {
        Groups = groups;
        using var noGradient = no_grad();
        foreach ((AttentionSite site, SitePrefix part) in start.Parts)
        {
            using var scope = NewDisposeScope();
            int sharedLength = part.Length - ownLength;
            Tensor values = tensor(part.Values, part.Shape, ScalarType.Float32, device).unsqueeze(PrefixMemory.GroupAxis);
            Tensor shared = values.narrow(PrefixMemory.LengthAxis, 0, sharedLength).clone();                        // [N, 2, 1, G, shared, D]
            Tensor own = values.narrow(PrefixMemory.LengthAxis, sharedLength, ownLength).repeat(1, 1, groups, 1, 1, 1); // [N, 2, K, G, own, D]
            _sites.Add(site, (Train($"{site}.shared", shared), Train($"{site}.own", own)));
        }
    }

    public override int Groups { get; }

    public override IReadOnlyDictionary<AttentionSite, Tensor> Materialize(SeededRandom? dropout = null)
    {
        var sites = new Dictionary<AttentionSite, Tensor>();
        foreach ((AttentionSite site, (Tensor shared, Tensor own)) in _sites)
            sites.Add(site, cat([shared.expand(-1, -1, Groups, -1, -1, -1), own], PrefixMemory.LengthAxis));
        return sites;
    }
}
