using System;

namespace Microsoft.ML.PrefixTuning.Options;

/// <summary>What a transformer does with a row, as data; saved with it.</summary>
/// <param name="OutputColumn">Column that takes the text.</param>
/// <param name="InputColumn">Column that is read.</param>
/// <param name="Template">Template, or null for the base's default.</param>
/// <param name="Generation">How text is written.</param>
/// <param name="Precision">How the base's numbers are kept.</param>
/// <param name="EmbedBase">Whether saving carries the base.</param>
internal sealed record TextSettings(string OutputColumn, string InputColumn, string? Template,
    GenerationOptions Generation, ModelPrecision Precision, bool EmbedBase)
{
    /// <summary>Type of products of a base as stored, once it is decided; null elsewhere.</summary>
    public ModelPrecision? Products { get; init; }

    /// <summary>The precision on this processor, or as it was decided before.</summary>
    public UsedPrecision Used => UsedPrecision.Of(Precision, Products);

    /// <summary>Column that picks a row's prefix; null where there is none.</summary>
    public string? AttributeColumn { get; init; }

    /// <summary>Column that tells rows of one input apart under sampling; null where there is none.</summary>
    public string? DrawColumn => (Generation.Decoding as SamplingDecoding)?.DrawColumnName;

    /// <summary>Threads among which torch divides its work, null for torch's own; not saved.</summary>
    public int? Threads { get; init; }

    /// <summary>The same with nothing left to be decided: what a transformer is made of and saved with.</summary>
    public TextSettings Decided() => this with
    {
        Precision = Used.Precision,
        Products = Used.Precision == ModelPrecision.AsStored ? Used.Products : null,
    };

    /// <summary>Refuses an error column that would hide another one.</summary>
    /// <param name="labelColumn">A text column that is needed too, or null.</param>
    /// <param name="place">Where <see cref="Generation"/> is among the options, for the message.</param>
    /// <exception cref="ArgumentException">It is named like another column.</exception>
    public void CheckErrorColumn(string? labelColumn, string place = "")
    {
        if (ColumnRoles.HiddenBy(Generation.ErrorColumnName, ("output", OutputColumn), ("input", InputColumn),
            ("label", labelColumn), ("attribute", AttributeColumn), ("draw", DrawColumn)) is { } role)
        {
            throw new ArgumentException(
                $"{place}Generation.ErrorColumnName: expected another name than that of the {role} column, found"
                    + $" '{Generation.ErrorColumnName}'.", "options");
        }
    }
}
