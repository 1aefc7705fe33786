using System;
using System.Collections.Generic;
using Microsoft.ML.Data;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>A row whose position and values a test sets, as an engine does with its own.</summary>
internal sealed class HandMadeRow : DataViewRow
{
    private readonly List<Delegate> _getters = [];

    public HandMadeRow(params (string Name, DataViewType Type, Delegate Getter)[] columns)
    {
        var builder = new DataViewSchema.Builder();
        foreach ((string name, DataViewType type, Delegate getter) in columns)
        {
            builder.AddColumn(name, type);
            _getters.Add(getter);
        }
        Schema = builder.ToSchema();
    }

    public long Place { get; set; } = -1;

    public override DataViewSchema Schema { get; }

    public override long Position => Place;

    public override long Batch => 0;

    public override bool IsColumnActive(DataViewSchema.Column column) => true;

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column) =>
        (ValueGetter<TValue>)_getters[column.Index];

    public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId id) =>
        id = new DataViewRowId((ulong)Place, 0);
}
