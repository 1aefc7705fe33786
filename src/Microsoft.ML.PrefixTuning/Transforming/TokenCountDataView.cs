using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.Data;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>A view of the input with counts of tokens, made while a cursor reads.</summary>
/// <param name="source">The input.</param>
/// <param name="mapper">What is added to it.</param>
internal sealed class TokenCountDataView(IDataView source, TokenCountMapper mapper) : IDataView
{
    public DataViewSchema Schema => mapper.OutputSchema;

    public bool CanShuffle => source.CanShuffle;

    public long? GetRowCount() => source.GetRowCount();

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        DataViewSchema.Column[] needed = [.. columnsNeeded];
        return Over(source.GetRowCursor(mapper.GetDependencies(needed), rand), needed);
    }

    public DataViewRowCursor[] GetRowCursorSet(
        IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
    {
        DataViewSchema.Column[] needed = [.. columnsNeeded];
        return Array.ConvertAll(
            source.GetRowCursorSet(mapper.GetDependencies(needed), n, rand), cursor => Over(cursor, needed));
    }

    private DataViewRowCursor Over(DataViewRowCursor cursor, DataViewSchema.Column[] needed) =>
        new Cursor(cursor, mapper, [.. needed.Select(column => column.Index)]);

    private sealed class Cursor(DataViewRowCursor source, TokenCountMapper mapper, HashSet<int> active)
        : DataViewRowCursor
    {
        public override DataViewSchema Schema => mapper.OutputSchema;

        public override long Position => source.Position;

        public override long Batch => source.Batch;

        public override bool IsColumnActive(DataViewSchema.Column column) => active.Contains(column.Index);

        public override bool MoveNext() => source.MoveNext();

        public override ValueGetter<DataViewRowId> GetIdGetter() => source.GetIdGetter();

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column) =>
            mapper.Getter<TValue>(source, column, IsColumnActive(column));

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                source.Dispose();
            base.Dispose(disposing);
        }
    }
}
