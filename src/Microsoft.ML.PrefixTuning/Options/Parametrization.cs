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
    public static Parametrization Direct { get; } = new DirectParametrization();

    /// <summary><see cref="Mlp"/> with the width of the paper's table-to-text tasks, 512.</summary>
    public static Parametrization MlpForTables { get; } = Mlp(512);

    /// <summary><see cref="Mlp"/> with the width of the paper's summarisation task, 800.</summary>
    public static Parametrization MlpForSummaries { get; } = Mlp(800);

    /// <summary>
    /// The paper's form (Li and Liang 2021, §4.3): an embedding of the prefix's positions and a network with tanh,
    /// which starts at random and needs long training: the paper takes thousands of steps.
    /// </summary>
    /// <param name="width">Width of the hidden layers; at most 16,384.</param>
    /// <param name="depth">Hidden layers; at most 64.</param>
    /// <param name="dropout">Share of keys and values that are dropped in training.</param>
    public static MlpParametrization Mlp(int width = 512, int depth = 1, double dropout = 0) =>
        new() { Width = width, Depth = depth, Dropout = dropout };

    /// <summary>
    /// The keys and values of <see cref="PrefixOptions.Start"/>, unchanged, plus a network whose last layer starts at
    /// zero: the start of <see cref="Direct"/> with the sharing between layers of <see cref="Mlp"/>.
    /// </summary>
    /// <inheritdoc cref="Mlp"/>
    public static ResidualMlpParametrization ResidualMlp(int width = 512, int depth = 1, double dropout = 0) =>
        new() { Width = width, Depth = depth, Dropout = dropout };

    /// <summary>As the options call it.</summary>
    internal abstract string Name { get; }

    /// <summary>Whether it starts from the prefix of a <see cref="PrefixStart"/>, and not at random.</summary>
    internal virtual bool TakesStart => true;

    /// <summary>Checks its own members.</summary>
    internal virtual void Check(Faults faults)
    {
    }
}

/// <summary>Keys and values themselves.</summary>
internal sealed record DirectParametrization : Parametrization
{
    internal override string Name => nameof(Direct);
}

/// <summary>A network that makes keys and values from an embedding of the prefix's positions.</summary>
public abstract record NetworkParametrization : Parametrization
{
    private protected NetworkParametrization()
    {
    }

    /// <summary>Width of the hidden layers; at most 16,384.</summary>
    /// <value>The default is 512.</value>
    public int Width { get; init; } = 512;

    /// <summary>Hidden layers; at most 64.</summary>
    /// <value>The default is 1.</value>
    public int Depth { get; init; } = 1;

    /// <summary>Share of keys and values that are dropped in training.</summary>
    /// <value>The default is 0.</value>
    public double Dropout { get; init; }

    internal sealed override void Check(Faults faults)
    {
        faults.Within(1, OptionBounds.NetworkWidth, Width, "width");
        faults.Within(1, OptionBounds.NetworkDepth, Depth, "depth");
        faults.Share(Dropout, "dropout");
    }
}

/// <summary>The paper's network, which starts at random.</summary>
public sealed record MlpParametrization : NetworkParametrization
{
    internal override string Name => nameof(Mlp);

    internal override bool TakesStart => false;
}

/// <summary>A network on top of the start.</summary>
public sealed record ResidualMlpParametrization : NetworkParametrization
{
    internal override string Name => nameof(ResidualMlp);
}
