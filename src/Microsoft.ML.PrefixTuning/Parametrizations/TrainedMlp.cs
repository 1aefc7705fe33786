using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Parametrizations;

/// <summary>
/// The paper's reparametrisation: an embedding and a network for every site (Li and Liang 2021, §4.3). The network is
/// dropped once the prefix is baked.
/// </summary>
internal sealed class TrainedMlp : TrainedPrefix
{
    private readonly PrefixNetworkShape _shape;
    private readonly Dictionary<AttentionSite, PrefixNetwork> _networks = [];

    /// <summary>Starts at random.</summary>
    /// <param name="sites">Shapes of the sites.</param>
    /// <param name="network">Width, depth, dropout.</param>
    /// <param name="convention">What the prefix does to the tokens.</param>
    /// <param name="seed">Seed of the starting values.</param>
    /// <param name="device">Device of the base.</param>
    public TrainedMlp(IReadOnlyDictionary<AttentionSite, SiteShape> sites, PrefixNetworkShape network,
        PrefixConvention convention, int seed, Device device) : base(convention)
    {
        _shape = network;
        foreach ((AttentionSite site, SiteShape shape) in sites.OrderBy(pair => pair.Key))
        {
            _networks.Add(site,
                new PrefixNetwork(shape, network, new SeededRandom(seed, RandomPurpose.Start, (int)site),
                (name, size, values) => Train($"{site}.{name}", values, size, device)));
        }
    }

    public override double DefaultLearningRate => _shape.DefaultLearningRate;

    public override string Description =>
        string.Create(CultureInfo.InvariantCulture, $"mlp, dropout {_shape.Dropout}");

    public override IReadOnlyDictionary<AttentionSite, Tensor> Materialize(SeededRandom? dropout = null) =>
        _networks.ToDictionary(pair => pair.Key, pair => pair.Value.Run(dropout));
}
