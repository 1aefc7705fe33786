using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Microsoft.ML.Data;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>
/// A table as ML.NET sees it: every column is a text. Rows are read while a cursor moves, and not kept.
/// </summary>
internal sealed class TextTableView : IDataView, IDisposable
{
    private readonly TableInput _input;
    private readonly Action<TableRow>? _rowRead;
    private TableReader? _opened;

    /// <param name="input">The table.</param>
    /// <param name="rowRead">Told of every row that a cursor reads; may be null.</param>
    public TextTableView(TableInput input, Action<TableRow>? rowRead = null)
    {
        (_input, _rowRead) = (input, rowRead);
        _opened = input.Open();
        var schema = new DataViewSchema.Builder();
        foreach (string column in _opened.Columns)
            schema.AddColumn(column, TextDataViewType.Instance);
        Schema = schema.ToSchema();
    }

    public DataViewSchema Schema { get; }

    /// <summary>Names of the columns.</summary>
    public IReadOnlyList<string> Columns => [.. Schema.Select(column => column.Name)];

    public bool CanShuffle => false;

    public long? GetRowCount() => null;

    // The reader that told the columns' names serves the first cursor: standard input has no second one.
    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null) =>
        new Cursor(this, Interlocked.Exchange(ref _opened, null)
            ?? _input.Open(), [.. columnsNeeded.Select(column => column.Index)]);

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n,
        Random? rand = null) =>
        [GetRowCursor(columnsNeeded, rand)];

    public void Dispose() => _opened?.Dispose();

    private sealed class Cursor(TextTableView view, TableReader reader, HashSet<int> active) : DataViewRowCursor
    {
        private TableRow? _row;
        private long _position = -1;
        private bool _atEnd;

        public override DataViewSchema Schema => view.Schema;

        public override long Position => _position;

        public override long Batch => 0;

        public override bool IsColumnActive(DataViewSchema.Column column) => active.Contains(column.Index);

        public override bool MoveNext()
        {
            if (_atEnd)
                return false;
            _row = reader.Read();
            if (_row is null)
            {
                _atEnd = true;
                _position = -1;
                return false;
            }
            _position++;
            view._rowRead?.Invoke(_row);
            return true;
        }

        public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId id) =>
            id = new DataViewRowId((ulong)_position, 0);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            ValueGetter<ReadOnlyMemory<char>> getter = (ref ReadOnlyMemory<char> value) =>
                value = Text(column).AsMemory();
            return getter as ValueGetter<TValue>
                ?? throw new InvalidOperationException(
                    $"Column '{column.Name}': expected a getter of {column.Type.RawType}, asked for {typeof(TValue)}.");
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                reader.Dispose();
            base.Dispose(disposing);
        }

        private string Text(DataViewSchema.Column column) => _row!.Values[column.Index]
            ?? throw new FormatException($"{_row.Place}: expected a property '{column.Name}', found none.");
    }
}
