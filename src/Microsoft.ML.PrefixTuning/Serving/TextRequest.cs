namespace Microsoft.ML.PrefixTuning;

/// <summary>What a <see cref="TextGenerator"/> is asked for. Immutable.</summary>
public sealed record TextRequest
{
    /// <summary>The text that is read, as a row's input column is: the template is put around it.</summary>
    public required string Text { get; init; }

    /// <summary>
    /// The name of the prefix in front of it, one of <see cref="TextGenerator.PrefixNames"/>; null for the prefix that
    /// has no name, or the base alone.
    /// </summary>
    public string? Prefix { get; init; }

    /// <summary>
    /// How the text is written; null for <see cref="TextGenerator.Generation"/>, from which a <c>with</c> changes
    /// single options. Options that concern many rows or their columns have no part in it.
    /// </summary>
    public GenerationOptions? Generation { get; init; }
}
