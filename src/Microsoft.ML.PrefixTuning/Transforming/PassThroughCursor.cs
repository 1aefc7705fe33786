using System;
using Microsoft.ML.Data;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>A cursor in which no generated column is active: the source's own rows under the wider schema.</summary>
/// <param name="source">The source's cursor; owned.</param>
/// <param name="schema">The view's schema.</param>
/// <param name="active">Active columns of the view.</param>
internal sealed class PassThroughCursor(DataViewRowCursor source, DataViewSchema schema, bool[] active)
    : DataViewRowCursor
{
    public override DataViewSchema Schema => schema;

    public override long Position => source.Position;

    public override long Batch => source.Batch;

    public override bool IsColumnActive(DataViewSchema.Column column) => active[column.Index];

    public override bool MoveNext() => source.MoveNext();

    public override ValueGetter<DataViewRowId> GetIdGetter() => source.GetIdGetter();

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column) => active[column.Index]
        ? source.GetGetter<TValue>(source.Schema[column.Index])
        : throw new ArgumentOutOfRangeException(nameof(column),
            $"Column '{column.Name}' is not active in this cursor.");

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            source.Dispose();
        base.Dispose(disposing);
    }
}
