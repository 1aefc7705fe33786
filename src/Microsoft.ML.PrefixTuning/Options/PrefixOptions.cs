using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning;

/// <summary>What is trained.</summary>
public sealed record PrefixOptions
{
    /// <summary>What is learned in front of the frozen model.</summary>
    /// <value>The default is <see cref="PrefixMethod.Prefix"/>: keys and values for every layer.</value>
    public PrefixMethod Method { get; init; } = PrefixMethod.Prefix;

    /// <summary>
    /// What numbers training moves; methods other than <see cref="PrefixMethod.Prefix"/> and
    /// <see cref="PrefixMethod.Infix"/> have numbers of their own.
    /// </summary>
    /// <value>The default is <see cref="Parametrization.Direct"/>.</value>
    public Parametrization Parametrization { get; init; } = Parametrization.Direct;

    /// <summary>
    /// Prefix length in tokens. A prefix given as <see cref="Start"/>, and the text of <see cref="PrefixMethod.Text"/>,
    /// have their own.
    /// </summary>
    /// <value>The default is 20.</value>
    public int Length { get; init; } = 20;

    /// <summary>
    /// Where training starts. <see cref="Parametrization.Mlp"/> starts at random whatever stands here.
    /// </summary>
    /// <value>The default is <see cref="PrefixStart.FromText(string)"/> with a text made from column names and
    /// template.</value>
    public PrefixStart Start { get; init; } = PrefixStart.DefaultText;

    /// <summary>Which attentions get a prefix.</summary>
    /// <value>The default is <see langword="null"/>: all the model has.</value>
    public IReadOnlyList<AttentionSite>? Sites { get; init; }
}

/// <summary>Where training starts.</summary>
public abstract record PrefixStart
{
    internal const string TextAdvice = "A start from text (PrefixStart.FromText) usually does not.";

    private protected PrefixStart()
    {
    }

    /// <summary>Keys and values of a text made from column names and template.</summary>
    public static PrefixStart DefaultText { get; } = new TextStart(null);

    /// <summary>All zero.</summary>
    public static PrefixStart Zero { get; } = new ZeroStart();

    /// <summary>
    /// The keys and values that a text has in the base; a text shorter than the prefix is repeated, a longer one cut.
    /// </summary>
    public static PrefixStart FromText(string text) => new TextStart(text);

    /// <summary>Normally distributed around 0.</summary>
    /// <param name="scale">Standard deviation.</param>
    public static PrefixStart Random(double scale = 0.02) => new RandomStart(scale);

    /// <summary>
    /// The values of another prefix; its length takes the place of <see cref="PrefixOptions.Length"/>.
    /// </summary>
    public static PrefixStart FromPrefix(Prefix prefix) => new PrefixValuesStart(prefix);

    /// <summary>As the options call it.</summary>
    internal abstract string Name { get; }
}

internal sealed record TextStart(string? Text) : PrefixStart
{
    internal override string Name => nameof(FromText);
}

internal sealed record ZeroStart : PrefixStart
{
    internal override string Name => nameof(Zero);
}

internal sealed record RandomStart(double Scale) : PrefixStart
{
    internal override string Name => nameof(Random);
}

internal sealed record PrefixValuesStart(Prefix Prefix) : PrefixStart
{
    internal override string Name => nameof(FromPrefix);
}
