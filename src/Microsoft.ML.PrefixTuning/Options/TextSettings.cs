using System;

namespace Microsoft.ML.PrefixTuning.Options;

/// <summary>What a transformer does with a row, as data; saved with it.</summary>
/// <param name="OutputColumn">Column that takes the text.</param>
/// <param name="InputColumn">Column that is read.</param>
/// <param name="Template">Template, or null for the base's default.</param>
/// <param name="Generation">How text is written.</param>
/// <param name="Precision">Number type of the base.</param>
/// <param name="EmbedBase">Whether saving carries the base.</param>
internal sealed record TextSettings(string OutputColumn, string InputColumn, string? Template,
    GenerationOptions Generation, ModelPrecision Precision, bool EmbedBase)
{
    /// <summary>Column that picks a row's prefix; null where there is none.</summary>
    public string? AttributeColumn { get; init; }

    /// <summary>Refuses an error column that would hide another one.</summary>
    /// <param name="labelColumn">A text column that is needed too, or null.</param>
    /// <param name="place">Where <see cref="Generation"/> is among the options, for the message.</param>
    /// <exception cref="ArgumentException">It is named like another column.</exception>
    public void CheckErrorColumn(string? labelColumn, string place = "")
    {
        if (Generation.ErrorColumnName is not { } error)
            return;
        (string Role, string? Name)[] taken =
            [("output", OutputColumn), ("input", InputColumn), ("label", labelColumn), ("attribute", AttributeColumn)];
        foreach ((string role, string? name) in taken)
        {
            if (name == error)
                throw new ArgumentException(
                    $"{place}Generation.ErrorColumnName: expected another name than that of the {role} column, found"
                        + $" '{error}'.", "options");
        }
    }
}
