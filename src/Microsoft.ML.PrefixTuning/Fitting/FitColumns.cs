using System;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>The columns of prefix-tuning.</summary>
/// <param name="Output">Takes the generated text.</param>
/// <param name="Input">Is read.</param>
/// <param name="Label">Has the wanted texts; for Fit only.</param>
/// <param name="Attribute">Picks a row's prefix; null where all rows have the same.</param>
internal sealed record FitColumns(string Output, string Input, string Label, string? Attribute = null)
{
    /// <summary>What a starting text calls the wanted text.</summary>
    public string TargetName { get; init; } = Label;

    /// <summary>Has what a row's own teacher reads in front of it; null where rows have none.</summary>
    public string? Context { get; init; }

    /// <summary>Refuses empty names.</summary>
    public void Check()
    {
        ArgumentException.ThrowIfNullOrEmpty(Output, "outputColumnName");
        ArgumentException.ThrowIfNullOrEmpty(Input, "inputColumnName");
        ArgumentException.ThrowIfNullOrEmpty(Label, "labelColumnName");
    }
}
