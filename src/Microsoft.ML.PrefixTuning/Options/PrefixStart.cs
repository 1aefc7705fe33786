namespace Microsoft.ML.PrefixTuning;

/// <summary>Where training starts.</summary>
public abstract record PrefixStart
{
    internal const string TextAdvice = "A start from text (PrefixStart.FromText) usually does not.";

    private protected PrefixStart()
    {
    }

    /// <summary>Keys and values of a text made from column names and template.</summary>
    public static PrefixStart DefaultText { get; } = new TextStart();

    /// <summary>All zero.</summary>
    public static PrefixStart Zero { get; } = new ZeroStart();

    /// <summary>
    /// The keys and values that a text has in the base; a text shorter than the prefix is repeated, a longer one cut.
    /// </summary>
    public static TextStart FromText(string text) => new() { Text = text };

    /// <summary>
    /// The keys and values that a few training rows have in the base, input and wanted text, one behind the other:
    /// examples in front of the row (Brown et al. 2020, "in-context learning"), from which training goes on. They are
    /// cut where the prefix ends, which takes some hundred tokens for two or three rows of usual length, and repeated
    /// where it is longer.
    /// </summary>
    /// <param name="count">Rows, at least 1: the first ones of different inputs that are trained on.</param>
    public static RowsStart FromRows(int count = 3) => new() { Count = count };

    /// <summary>Normally distributed around 0.</summary>
    /// <param name="scale">Standard deviation.</param>
    public static RandomStart Random(double scale = 0.02) => new() { Scale = scale };

    /// <summary>
    /// The values of another prefix; its length takes the place of <see cref="PrefixOptions.Length"/>.
    /// </summary>
    public static PrefixValuesStart FromPrefix(Prefix prefix) => new() { Prefix = prefix };

    /// <summary>As the options call it.</summary>
    internal abstract string Name { get; }

    /// <summary>Whether it is the keys and values of tokens.</summary>
    internal virtual bool IsOfTokens => false;

    /// <summary>Checks its own members.</summary>
    /// <param name="faults">Takes what is wrong.</param>
    /// <param name="name">The property that holds it.</param>
    internal virtual void Check(Faults faults, string name)
    {
    }
}

/// <summary>Keys and values of a text.</summary>
public sealed record TextStart : PrefixStart
{
    /// <summary>The text; one shorter than the prefix is repeated, a longer one cut.</summary>
    /// <value>The default is <see langword="null"/>: a text made from the column names.</value>
    public string? Text { get; init; }

    internal override string Name => nameof(FromText);

    internal override bool IsOfTokens => true;

    internal override void Check(Faults faults, string name) =>
        faults.That(Text is not "", name, "a text of at least one character", "an empty one");
}

/// <summary>Keys and values of a few training rows.</summary>
public sealed record RowsStart : PrefixStart
{
    /// <summary>
    /// Rows: the first ones of different inputs that are trained on; all where there are fewer. What does not fit into
    /// the prefix is cut, and what is shorter is repeated.
    /// </summary>
    /// <value>The default is 3.</value>
    public int Count { get; init; } = 3;

    internal override string Name => nameof(FromRows);

    internal override bool IsOfTokens => true;

    internal override void Check(Faults faults, string name) => faults.Under(name).AtLeast(1, Count, "count");
}

/// <summary>All zero.</summary>
internal sealed record ZeroStart : PrefixStart
{
    internal override string Name => nameof(Zero);
}

/// <summary>Small random values.</summary>
public sealed record RandomStart : PrefixStart
{
    /// <summary>Standard deviation of the values.</summary>
    /// <value>The default is 0.02.</value>
    public double Scale { get; init; } = 0.02;

    internal override string Name => nameof(Random);

    internal override void Check(Faults faults, string name) =>
        faults.That(double.IsFinite(Scale) && Scale > 0, name, "a scale above 0", Scale);
}

/// <summary>The values of another prefix.</summary>
public sealed record PrefixValuesStart : PrefixStart
{
    /// <summary>The other prefix; its length takes the place of <see cref="PrefixOptions.Length"/>.</summary>
    /// <value>It must be given.</value>
    public Prefix Prefix { get; init; } = null!;

    internal override string Name => nameof(FromPrefix);

    internal override void Check(Faults faults, string name) => faults.Given(Prefix, $"{name}.prefix");
}
