using System.Linq;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;

namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// What numbers training moves to move a prefix. Whatever they are, only the prefix that they come to is kept after
/// training.
/// </summary>
public abstract record Parametrization
{
    private protected Parametrization()
    {
    }

    /// <summary>Keys and values themselves; they start where <see cref="PrefixOptions.Start"/> says.</summary>
    public static Parametrization Direct { get; } = new DirectChoice();

    /// <summary><see cref="Mlp"/> with the width of the paper's table-to-text tasks, 512.</summary>
    public static Parametrization MlpForTables { get; } = Mlp(512);

    /// <summary><see cref="Mlp"/> with the width of the paper's summarisation task, 800.</summary>
    public static Parametrization MlpForSummaries { get; } = Mlp(800);

    /// <summary>
    /// The paper's form (Li and Liang 2021, §4.3): an embedding of the prefix's positions and a network with tanh,
    /// which starts at random and needs long training: the paper takes thousands of steps.
    /// </summary>
    /// <param name="width">Width of the hidden layers.</param>
    /// <param name="depth">Hidden layers.</param>
    /// <param name="dropout">Share of keys and values that are dropped in training.</param>
    public static Parametrization Mlp(int width = 512, int depth = 1, double dropout = 0) =>
        new MlpChoice(new PrefixNetworkShape(width, depth, dropout));

    /// <summary>
    /// The keys and values of <see cref="PrefixOptions.Start"/>, unchanged, plus a network whose last layer starts at
    /// zero: the start of <see cref="Direct"/> with the sharing between layers of <see cref="Mlp"/>.
    /// </summary>
    /// <inheritdoc cref="Mlp"/>
    public static Parametrization ResidualMlp(int width = 512, int depth = 1, double dropout = 0) =>
        new ResidualMlpChoice(new PrefixNetworkShape(width, depth, dropout));

    /// <summary>As the options call it.</summary>
    internal abstract string Name { get; }

    /// <summary>Whether it starts from the prefix of a <see cref="PrefixStart"/>, and not at random.</summary>
    internal virtual bool TakesStart => true;

    /// <summary>The network's shape, to be checked; null where there is none.</summary>
    internal virtual PrefixNetworkShape? Network => null;

    /// <summary>Makes what is trained.</summary>
    /// <param name="start">Base, sites, length, start and seed.</param>
    internal abstract TrainedPrefix Make(StartRequest start);
}

internal sealed record DirectChoice : Parametrization
{
    internal override string Name => nameof(Direct);

    internal override TrainedPrefix Make(StartRequest start) =>
        new TrainedKeyValues(PrefixInitializer.Make(start), start.Model.Device);
}

internal sealed record MlpChoice(PrefixNetworkShape Shape) : Parametrization
{
    internal override string Name => nameof(Mlp);

    internal override bool TakesStart => false;

    internal override PrefixNetworkShape? Network => Shape;

    internal override TrainedPrefix Make(StartRequest start) => new TrainedMlp(
        start.Sites.ToDictionary(site => site, site => SiteShape.Of(start.Model.Spec, site, start.Length)), Shape,
        start.Convention, start.Seed, start.Model.Device);
}

internal sealed record ResidualMlpChoice(PrefixNetworkShape Shape) : Parametrization
{
    internal override string Name => nameof(ResidualMlp);

    internal override PrefixNetworkShape? Network => Shape;

    internal override TrainedPrefix Make(StartRequest start) =>
        new TrainedResidualMlp(PrefixInitializer.Make(start), Shape, start.Seed, start.Model.Device);
}
