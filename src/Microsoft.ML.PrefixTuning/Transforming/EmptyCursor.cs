using System;
using Microsoft.ML.Data;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>A cursor without rows.</summary>
/// <param name="schema">The view's schema.</param>
/// <param name="active">Active columns of the view.</param>
internal sealed class EmptyCursor(DataViewSchema schema, bool[] active) : DataViewRowCursor
{
    public override DataViewSchema Schema => schema;

    public override long Position => -1;

    public override long Batch => 0;

    public override bool IsColumnActive(DataViewSchema.Column column) => active[column.Index];

    public override bool MoveNext() => false;

    public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId _) => throw NoRow();

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column) =>
        (ref TValue _) => throw NoRow();

    private static InvalidOperationException NoRow() => new("The cursor has no rows.");
}
