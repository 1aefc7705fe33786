namespace Microsoft.ML.PrefixTuning;

/// <summary>All that can be chosen when a base writes text with a given prefix or none.</summary>
public sealed record TextGenerationOptions
{
    /// <summary>How text is written.</summary>
    public GenerationOptions Generation { get; init; } = new();

    /// <inheritdoc cref="PrefixTuningOptions.Template"/>
    public string? Template { get; init; }

    /// <summary>With an attribute column, the prefix of rows whose value has none of its own.</summary>
    /// <value>The default is <see langword="null"/>: such a row is an error that names row, column and value.</value>
    public Prefix? UnseenAttributePrefix { get; init; }

    /// <inheritdoc cref="PrefixTuningOptions.Precision"/>
    public ModelPrecision Precision { get; init; } = ModelPrecision.Float32;

    /// <summary>Type of products of a base as stored, where a saved model says it; null: the processor's.</summary>
    internal ModelPrecision? Products { get; init; }

    /// <inheritdoc cref="PrefixTuningOptions.Device"/>
    public string? Device { get; init; }

    /// <inheritdoc cref="PrefixTuningOptions.Threads"/>
    public int? Threads { get; init; }

    /// <inheritdoc cref="PrefixTuningOptions.EmbedBase"/>
    public bool EmbedBase { get; init; }

    /// <summary>Checks all that can be chosen.</summary>
    internal void Check(Faults faults)
    {
        if (faults.Given(Generation, nameof(Generation)))
            Generation.Check(faults.Under(nameof(Generation)));
        InputPlaceholder.Check(faults, Template);
        DeviceName.Check(faults, Device, Precision);
        faults.Within(1, OptionBounds.Threads, Threads ?? 1, nameof(Threads));
        faults.Known(Precision, nameof(Precision));
    }
}
