using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>The texts that a model adds to its input.</summary>
internal sealed class AddedTexts
{
    private readonly DataViewSchema.Column[] _columns;

    private AddedTexts(DataViewSchema.Column[] columns) => _columns = columns;

    /// <summary>The columns to be read.</summary>
    public IEnumerable<DataViewSchema.Column> Needed => _columns;

    /// <summary>The columns to be written.</summary>
    public IReadOnlyList<AddedColumn> Columns => [.. _columns.Select(column =>
        new AddedColumn(column.Name, column.Type is VectorDataViewType vector ? vector.Size : 1))];

    /// <summary>
    /// Finds them: every text that the input lacks, and what the model writes, which may replace columns of the input.
    /// </summary>
    /// <param name="before">The input.</param>
    /// <param name="after">What the model makes of it.</param>
    /// <param name="written">The columns that the model writes.</param>
    public static AddedTexts Of(DataViewSchema before, DataViewSchema after, IReadOnlyCollection<string> written) =>
        new([.. after.Where(column =>
        !column.IsHidden && IsText(column.Type)
            && (written.Contains(column.Name) || before.GetColumnOrNull(column.Name) is null))]);

    /// <summary>Gives each column's texts of the cursor's row.</summary>
    public Func<string[]>[] GetReaders(DataViewRow row) =>
        [.. _columns.Select(column => ColumnTexts.GetReader(row, column))];

    /// <summary>Gives one column's texts of the cursor's row.</summary>
    public Func<string[]> GetReader(DataViewRow row, string column) =>
        ColumnTexts.GetReader(row, _columns.Single(known => known.Name == column));

    private static bool IsText(DataViewType type) =>
        ColumnTexts.Has(type) && type is not VectorDataViewType { IsKnownSize: false };
}
