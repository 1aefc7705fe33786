using System;
using System.Linq;
using Microsoft.ML.Data;

namespace Microsoft.ML.PrefixTuning.MlNet;

/// <summary>The texts of a column that has one or several a row.</summary>
internal static class ColumnTexts
{
    /// <summary>Whether a column has texts: one a row, or a vector of them.</summary>
    public static bool Has(DataViewType type) =>
        type is TextDataViewType or VectorDataViewType { ItemType: TextDataViewType };

    /// <summary>Gives the texts of the row that a cursor stands on.</summary>
    /// <param name="row">The cursor.</param>
    /// <param name="column">One that <see cref="Has"/> texts.</param>
    public static Func<string[]> GetReader(DataViewRow row, DataViewSchema.Column column)
    {
        if (column.Type is TextDataViewType)
        {
            ValueGetter<ReadOnlyMemory<char>> getText = row.GetGetter<ReadOnlyMemory<char>>(column);
            ReadOnlyMemory<char> text = default;
            return () =>
            {
                getText(ref text);
                return [text.ToString()];
            };
        }
        ValueGetter<VBuffer<ReadOnlyMemory<char>>> getTexts = row.GetGetter<VBuffer<ReadOnlyMemory<char>>>(column);
        VBuffer<ReadOnlyMemory<char>> texts = default;
        return () =>
        {
            getTexts(ref texts);
            return [.. texts.DenseValues().Select(text => text.ToString())];
        };
    }
}
