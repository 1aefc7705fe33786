using System.Diagnostics;
using System.Linq;
using Microsoft.ML.PrefixTuning.Prefixes;

namespace Microsoft.ML.PrefixTuning.Parametrizations;

/// <summary>From a parametrisation among options to what is trained.</summary>
internal static class ParametrizationMaker
{
    /// <summary>Makes what is trained; the caller's.</summary>
    /// <param name="parametrization">Which numbers move.</param>
    /// <param name="start">Base, sites, length, start and seed.</param>
    public static TrainedPrefix Make(Parametrization parametrization, StartRequest start) => parametrization switch
    {
        DirectParametrization => new TrainedKeyValues(PrefixInitializer.Make(start), start.Model.Device),
        MlpParametrization mlp => new TrainedMlp(
            start.Sites.ToDictionary(site => site, site => SiteShape.Of(start.Model.Spec, site, start.Length)),
            ShapeOf(mlp), start.Convention, start.Seed, start.Model.Device),
        ResidualMlpParametrization mlp => new TrainedResidualMlp(
            PrefixInitializer.Make(start), ShapeOf(mlp), start.Seed, start.Model.Device),
        _ => throw new UnreachableException($"Parametrization {parametrization.Name} is not known here."),
    };

    private static PrefixNetworkShape ShapeOf(NetworkParametrization network) =>
        new(network.Width, network.Depth, network.Dropout);
}
