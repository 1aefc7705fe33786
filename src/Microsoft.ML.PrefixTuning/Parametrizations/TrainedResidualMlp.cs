using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Parametrizations;

/// <summary>
/// A fixed start, such as a text's keys and values, plus a network whose last layer starts at zero: the exact start of
/// the direct form with the sharing of the paper's network.
/// </summary>
internal sealed class TrainedResidualMlp : TrainedPrefix
{
    private readonly PrefixNetworkShape _shape;
    private readonly Dictionary<AttentionSite, (Tensor Start, PrefixNetwork Network)> _sites = [];

    /// <summary>Starts from a prefix.</summary>
    /// <param name="start">Starting values and convention.</param>
    /// <param name="network">Width, depth, dropout.</param>
    /// <param name="seed">Seed of the network's starting values.</param>
    /// <param name="device">Device of the base.</param>
    public TrainedResidualMlp(Prefix start, PrefixNetworkShape network, int seed, Device device)
        : base(start.Convention)
    {
        _shape = network;
        foreach ((AttentionSite site, SitePrefix part) in start.Parts)
        {
            var made = new PrefixNetwork(new SiteShape(part.Layers, part.KeyValueHeads, part.Length, part.HeadSize),
                network,
                new SeededRandom(seed, RandomPurpose.Start, (int)site),
                (name, size, values) => Train($"{site}.{name}", values, size, device),
                zeroOutput: true);
            Tensor values = AlignedTensor.Of(part.Values, part.Shape, device).DetachFromDisposeScope();
            _sites.Add(site, (values, made));
        }
    }

    public override double DefaultLearningRate => _shape.DefaultLearningRate;

    public override string Description =>
        string.Create(CultureInfo.InvariantCulture, $"residual mlp, dropout {_shape.Dropout}");

    public override IReadOnlyDictionary<AttentionSite, Tensor> Materialize(SeededRandom? dropout = null) =>
        _sites.ToDictionary(pair => pair.Key, pair => pair.Value.Start.Plus(pair.Value.Network.Run(dropout)));

    protected override void DisposeFixed()
    {
        foreach ((Tensor start, _) in _sites.Values)
            start.Dispose();
    }
}
