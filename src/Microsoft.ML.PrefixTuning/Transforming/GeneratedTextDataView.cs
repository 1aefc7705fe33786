using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Rows;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>
/// A view of the input with generated texts. Lazy: rows are read ahead and written in batches while a cursor moves, and
/// only where a generated column is asked for. What one pass wrote, later ones need not write again.
/// </summary>
internal sealed class GeneratedTextDataView : IDataView
{
    private readonly IDataView _source;
    private readonly RowWriter _writer;
    private readonly TextMemory _memory;

    /// <param name="source">The input.</param>
    /// <param name="writer">Writes texts; shared by all views of a transformer.</param>
    public GeneratedTextDataView(IDataView source, RowWriter writer)
    {
        (_source, _writer) = (source, writer);
        _memory = new TextMemory(writer.Settings.Generation.RememberedTexts);
        Read = GeneratedTextSchema.Read(source.Schema, writer.Settings);
        Schema = GeneratedTextSchema.Deliver(source.Schema, writer.Settings);
    }

    public DataViewSchema Schema { get; }

    /// <summary>How texts are written, and how many are remembered.</summary>
    public TextSettings Settings => _writer.Settings;

    /// <summary>The columns that are read, in the source's schema.</summary>
    public ReadColumns Read { get; }

    /// <summary>The texts of some rows, remembered or written.</summary>
    public GeneratedText[] Texts(IReadOnlyList<InputRow> rows) => _memory.Texts(rows, _writer.Write);

    public bool CanShuffle => _source.CanShuffle;

    public long? GetRowCount() => _source.GetRowCount();

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null) =>
        GetRowCursor(Active(columnsNeeded), rand);

    /// <summary>
    /// One cursor has all rows: a batch already uses all cores. Where several are wanted an empty one lies beside it.
    /// ML.NET splits a lone cursor among threads, and reads several hundred rows before it hands out the first; cursors
    /// that it is given it reads batch by batch.
    /// </summary>
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n,
        Random? rand = null)
    {
        bool[] active = Active(columnsNeeded);
        DataViewRowCursor cursor = GetRowCursor(active, rand);
        return n > 1 && Generates(active) ? [cursor, new EmptyCursor(Schema, active)] : [cursor];
    }

    private DataViewRowCursor GetRowCursor(bool[] active, Random? rand)
    {
        bool generates = Generates(active);
        IEnumerable<DataViewSchema.Column> needed = _source.Schema.Where(column => active[column.Index]
            || generates && Read.All.Any(read => read.Index == column.Index));
        DataViewRowCursor source = _source.GetRowCursor(needed, rand);
        return generates
            ? new GeneratedTextCursor(source, this, active)
            : new PassThroughCursor(source, Schema, active);
    }

    private bool[] Active(IEnumerable<DataViewSchema.Column> columns)
    {
        var active = new bool[Schema.Count];
        foreach (DataViewSchema.Column column in columns)
            active[column.Index] = true;
        return active;
    }

    private bool Generates(bool[] active) => active.AsSpan(_source.Schema.Count).Contains(true);
}
