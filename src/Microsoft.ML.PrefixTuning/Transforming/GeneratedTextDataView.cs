using System;
using System.Collections.Generic;
using System.Linq;
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
        ReadColumns = GeneratedTextSchema.Read(source.Schema, writer.Settings);
        Schema = GeneratedTextSchema.Deliver(source.Schema, writer.Settings);
    }

    public DataViewSchema Schema { get; }

    /// <summary>How texts are written, and how many are remembered.</summary>
    public TextSettings Settings => _writer.Settings;

    /// <summary>
    /// The columns that are read, as <see cref="GeneratedTextSchema.Read"/> gives them, in the source's schema.
    /// </summary>
    public IReadOnlyList<DataViewSchema.Column> ReadColumns { get; }

    /// <summary>The texts of some rows, remembered or written.</summary>
    public GeneratedText[] Texts(IReadOnlyList<InputRow> rows) => _memory.Texts(rows, _writer.Write);

    public bool CanShuffle => _source.CanShuffle;

    public long? GetRowCount() => _source.GetRowCount();

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        var active = new bool[Schema.Count];
        foreach (DataViewSchema.Column column in columnsNeeded)
            active[column.Index] = true;
        int inputs = _source.Schema.Count;
        bool generates = active.AsSpan(inputs).Contains(true);
        IEnumerable<DataViewSchema.Column> needed = _source.Schema.Where(column => active[column.Index]
            || generates && ReadColumns.Any(read => read.Index == column.Index));
        DataViewRowCursor source = _source.GetRowCursor(needed, rand);
        return generates
            ? new GeneratedTextCursor(source, this, active)
            : new PassThroughCursor(source, Schema, active);
    }

    // One cursor: a batch already uses all cores.
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n,
        Random? rand = null) =>
        [GetRowCursor(columnsNeeded, rand)];
}
