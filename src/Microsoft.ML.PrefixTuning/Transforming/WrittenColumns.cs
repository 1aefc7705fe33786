using System;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>The columns of text generation.</summary>
/// <param name="Output">Takes the generated text.</param>
/// <param name="Input">Is read.</param>
/// <param name="Attribute">Picks a row's prefix; null where all rows have the same.</param>
internal sealed record WrittenColumns(string Output, string Input, string? Attribute = null)
{
    /// <summary>Refuses empty names.</summary>
    public void Check()
    {
        ArgumentException.ThrowIfNullOrEmpty(Output, "outputColumnName");
        ArgumentException.ThrowIfNullOrEmpty(Input, "inputColumnName");
    }
}
