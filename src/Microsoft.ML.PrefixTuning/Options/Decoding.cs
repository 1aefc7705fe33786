namespace Microsoft.ML.PrefixTuning;

/// <summary>How the next token is chosen.</summary>
public abstract record Decoding
{
    private protected Decoding()
    {
    }

    /// <summary>The most probable token.</summary>
    public static Decoding Greedy { get; } = new GreedyDecoding();

    /// <summary>
    /// Keeps the most probable beginnings (transformers' rules: the best 2 x width continuations a step).
    /// </summary>
    /// <param name="width">Beginnings kept; at most 1,024.</param>
    /// <param name="lengthPenalty">A text's score is its log-probability over its length to this power.</param>
    /// <param name="earlyStopping">
    /// Whether to stop at <paramref name="width"/> finished texts, or only when none better can come.
    /// </param>
    public static BeamDecoding Beam(int width = 4, double lengthPenalty = 1, bool earlyStopping = false) =>
        new() { Width = width, LengthPenalty = lengthPenalty, EarlyStopping = earlyStopping };

    /// <summary>
    /// Draws from the distribution. A row's text depends on the seed and its own tokens only. What else can be chosen
    /// are members: <c>Decoding.Sampling(temperature: 0.7) with { MinP = 0.05 }</c>.
    /// </summary>
    /// <param name="temperature">Divides the logits; 0.001 to 1000.</param>
    /// <param name="topK">Tokens drawn from at most; 0 means all.</param>
    /// <param name="topP">Smallest probability mass drawn from.</param>
    /// <param name="seed">Seed.</param>
    public static SamplingDecoding Sampling(double temperature = 1, int topK = 0, double topP = 1, int seed = 0) =>
        new() { Temperature = temperature, TopK = topK, TopP = topP, Seed = seed };

    /// <summary>Checks its own members.</summary>
    /// <param name="faults">Takes what is wrong.</param>
    /// <param name="name">The property that holds it.</param>
    /// <param name="sequences">Texts a row.</param>
    internal abstract void Check(Faults faults, string name, int sequences);
}

/// <summary>The most probable token.</summary>
internal sealed record GreedyDecoding : Decoding
{
    internal override void Check(Faults faults, string name, int sequences) =>
        faults.That(sequences == 1, name, "beams or sampling where SequenceCount is above 1", "greedy");
}

/// <summary>A search that keeps the most probable beginnings.</summary>
public sealed record BeamDecoding : Decoding
{
    /// <summary>Beginnings that a beam search keeps; at most 1,024.</summary>
    /// <value>The default is 4.</value>
    public int Width { get; init; } = 4;

    /// <summary>A beam's score is its log-probability over its length to this power.</summary>
    /// <value>The default is 1.</value>
    public double LengthPenalty { get; init; } = 1;

    /// <summary>
    /// Whether a beam search stops at as many finished texts as it is wide, or only when none better can come.
    /// </summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool EarlyStopping { get; init; }

    internal override void Check(Faults faults, string name, int sequences)
    {
        Faults own = faults.Under(name);
        own.Within(1, OptionBounds.Sequences, Width, "width");
        own.That(Width >= sequences || Width < 1, "width", $"at least SequenceCount = {sequences}", Width);
        own.That(double.IsFinite(LengthPenalty), "lengthPenalty", "a finite number", LengthPenalty);
    }
}

/// <summary>Draws from the distribution.</summary>
public sealed record SamplingDecoding : Decoding
{
    /// <summary>Divides the logits of sampling; 0.001 to 1000.</summary>
    /// <value>The default is 1.</value>
    public double Temperature { get; init; } = 1;

    /// <summary>Tokens that sampling draws from at most; 0 means all.</summary>
    /// <value>The default is 0.</value>
    public int TopK { get; init; }

    /// <summary>Smallest probability mass that sampling draws from.</summary>
    /// <value>The default is 1.</value>
    public double TopP { get; init; } = 1;

    /// <summary>
    /// Least probability that sampling draws from, as a share of the largest one, after the temperature (min-p; Nguyen
    /// et al. 2024); 0 means any.
    /// </summary>
    /// <value>The default is 0.</value>
    public double MinP { get; init; }

    /// <summary>Seed of sampling.</summary>
    /// <value>The default is 0.</value>
    public int Seed { get; init; }

    /// <summary>
    /// Name of a column of texts, numbers or keys that tells rows of one input apart: another value, another draw.
    /// Without it a row's text depends on the seed and its own tokens only.
    /// </summary>
    /// <value>The default is <see langword="null"/>: rows of one input have one text.</value>
    public string? DrawColumnName { get; init; }

    internal override void Check(Faults faults, string name, int sequences)
    {
        Faults own = faults.Under(name);
        own.Temperature(Temperature, "temperature");
        own.AtLeast(0, TopK, "topK");
        own.That(TopP is > 0 and <= 1, "topP", "above 0 and up to 1", TopP);
        own.ColumnName(DrawColumnName, "drawColumnName");
        own.That(MinP is >= 0 and <= 1, "minP", "0 to 1", MinP);
    }
}
