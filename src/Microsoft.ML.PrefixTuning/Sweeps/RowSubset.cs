using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.Data;

namespace Microsoft.ML.PrefixTuning.Sweeps;

/// <summary>Some rows of a view, in their order there, with their positions.</summary>
/// <param name="source">The view; the same at every pass.</param>
/// <param name="places">Which rows, from 0.</param>
internal sealed class RowSubset(IDataView source, IReadOnlySet<long> places) : IDataView
{
    public DataViewSchema Schema => source.Schema;

    public bool CanShuffle => false;

    /// <summary>Draws rows without replacement.</summary>
    /// <param name="source">All rows.</param>
    /// <param name="count">How many; all where there are fewer.</param>
    /// <param name="seed">Seed.</param>
    public static IDataView Draw(IDataView source, int count, int seed)
    {
        long rows = CountOf(source);
        if (rows <= count)
            return source;
        var random = new Random(seed);
        long[] places = [.. Enumerable.Range(0, checked((int)rows)).Select(place => (long)place)];
        random.Shuffle(places);
        return new RowSubset(source, places.Take(count).ToHashSet());
    }

    /// <summary>Whether a view has a row.</summary>
    public static bool HasRows(IDataView view)
    {
        using DataViewRowCursor cursor = view.GetRowCursor([]);
        return cursor.MoveNext();
    }

    /// <summary>Rows of a view, by reading it.</summary>
    public static long CountOf(IDataView view)
    {
        long rows = 0;
        using DataViewRowCursor cursor = view.GetRowCursor([]);
        while (cursor.MoveNext())
            rows++;
        return rows;
    }

    public long? GetRowCount() => places.Count;

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null) =>
        new Cursor(source.GetRowCursor(columnsNeeded), places);

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n,
        Random? rand = null) => [GetRowCursor(columnsNeeded, rand)];

    private sealed class Cursor(DataViewRowCursor inner, IReadOnlySet<long> places) : DataViewRowCursor
    {
        private long _next;

        public override DataViewSchema Schema => inner.Schema;

        public override long Position => inner.Position;

        public override long Batch => inner.Batch;

        public override bool IsColumnActive(DataViewSchema.Column column) => inner.IsColumnActive(column);

        public override bool MoveNext()
        {
            while (inner.MoveNext())
            {
                if (places.Contains(_next++))
                    return true;
            }
            return false;
        }

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column) =>
            inner.GetGetter<TValue>(column);

        public override ValueGetter<DataViewRowId> GetIdGetter() => inner.GetIdGetter();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
