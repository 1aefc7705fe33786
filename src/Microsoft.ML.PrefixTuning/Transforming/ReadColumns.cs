using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Rows;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>The columns that are read of every row.</summary>
/// <param name="Input">The input column, a text.</param>
/// <param name="Attribute">The attribute column, a text; null where there is none.</param>
/// <param name="Draw">The draw column; null where there is none.</param>
internal sealed record ReadColumns(DataViewSchema.Column Input, DataViewSchema.Column? Attribute,
    DataViewSchema.Column? Draw)
{
    /// <summary>All of them.</summary>
    public IReadOnlyList<DataViewSchema.Column> All { get; } =
        [.. new[] { Input, Attribute, Draw }.OfType<DataViewSchema.Column>()];

    /// <summary>A row.</summary>
    /// <param name="position">Its number, from 0.</param>
    /// <param name="read">Gives the text of one of the columns.</param>
    /// <param name="line">The file and line that it comes from; null where there is no file.</param>
    public InputRow Row(long position, Func<DataViewSchema.Column, string> read, string? line = null) =>
        new(position, read(Input), Attribute is { } attribute ? read(attribute) : null, line)
        {
            Draw = Draw is { } draw ? read(draw) : null,
        };
}
