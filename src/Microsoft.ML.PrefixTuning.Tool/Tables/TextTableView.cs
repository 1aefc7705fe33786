using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.MlNet;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>
/// A table as ML.NET sees it: every column with a name is a text. Rows are read while a cursor moves, and not kept.
/// </summary>
internal sealed class TextTableView : IDataView, IDisposable
{
    private readonly TableInput _input;
    private readonly TableViewOptions _options;
    private readonly int[] _columns;
    private readonly RecentPlaces _places = new();
    private IRowReader? _opened;

    /// <param name="input">The table.</param>
    /// <param name="options">What a cursor does with rows.</param>
    public TextTableView(TableInput input, TableViewOptions? options = null)
    {
        (_input, _options) = (input, options ?? new TableViewOptions());
        _opened = input.Open();
        (Columns, Kinds, IsEmpty) = (_opened.Columns, _opened.Kinds, _opened.IsEmpty);
        _columns = [.. Enumerable.Range(0, Columns.Count).Where(place => Columns[place].Length > 0)];
        Schema = MakeSchema(_options.Several, new RowLines(_places.Find).ToAnnotations());
    }

    /// <summary>The columns that have a name.</summary>
    public DataViewSchema Schema { get; }

    /// <summary>The same columns with one text each, as rows have them that a trained model reads.</summary>
    public DataViewSchema TextSchema => MakeSchema([], null);

    /// <summary>Names of the table's columns; some may be empty.</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>What these columns hold, where the table says so.</summary>
    public IReadOnlyList<ColumnKind> Kinds { get; }

    /// <summary>Whether there is neither a row nor a column.</summary>
    public bool IsEmpty { get; }

    public bool CanShuffle => false;

    public long? GetRowCount() => null;

    // The reader that told the columns' names serves the first cursor: standard input has no second one.
    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null) =>
        new Cursor(this, Interlocked.Exchange(ref _opened, null) ?? _input.Open(),
            [.. columnsNeeded.Select(column => column.Index)]);

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n,
        Random? rand = null) => [GetRowCursor(columnsNeeded, rand)];

    public void Dispose() => _opened?.Dispose();

    private DataViewSchema MakeSchema(IReadOnlyCollection<string> several, DataViewSchema.Annotations? lines)
    {
        var schema = new DataViewSchema.Builder();
        foreach (int place in _columns)
        {
            schema.AddColumn(Columns[place], several.Contains(Columns[place])
                ? new VectorDataViewType(TextDataViewType.Instance) : TextDataViewType.Instance, lines);
        }
        return schema.ToSchema();
    }

    private sealed class Cursor(TextTableView view, IRowReader reader, HashSet<int> active) : DataViewRowCursor
    {
        private TableRow? _row;
        private long _position = -1;
        private long _next;
        private bool _isSkipping = true;

        public override DataViewSchema Schema => view.Schema;

        /// <summary>A row's number in the table, also behind rows that were skipped.</summary>
        public override long Position => _position;

        public override long Batch => 0;

        public override bool IsColumnActive(DataViewSchema.Column column) => active.Contains(column.Index);

        public override bool MoveNext()
        {
            if (_next < 0)
                return false;
            _row = Read();
            _position = _row is null ? -1 : _next;
            _next = _row is null ? -1 : _next + 1;
            if (_row is null)
                return false;
            view._places.Add(_position, _row.Place);
            view._options.RowRead?.Invoke(_row);
            return true;
        }

        public override ValueGetter<DataViewRowId> GetIdGetter() =>
            (ref DataViewRowId id) => id = new DataViewRowId((ulong)_position, 0);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            int place = view._columns[column.Index];
            ValueGetter<ReadOnlyMemory<char>> getText =
                (ref ReadOnlyMemory<char> value) => value = _row!.Text(place).AsMemory();
            ValueGetter<VBuffer<ReadOnlyMemory<char>>> getTexts =
                (ref VBuffer<ReadOnlyMemory<char>> value) => SetTexts(place, ref value);
            Delegate getter = column.Type is VectorDataViewType ? getTexts : getText;
            return getter as ValueGetter<TValue> ?? throw new InvalidOperationException(
                $"Column '{column.Name}': expected a getter of {column.Type.RawType}, asked for {typeof(TValue)}.");
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                reader.Dispose();
            base.Dispose(disposing);
        }

        private TableRow? Read()
        {
            if (_isSkipping)
            {
                _next = view._options.Range.First;
                reader.Skip(_next);
            }
            TableRow? row = ReadOne();
            while (_isSkipping && row is not null && view._options.IsDone(row))
            {
                _next++;
                row = ReadOne();
            }
            _isSkipping = false;
            return row;
        }

        private TableRow? ReadOne() => _next < view._options.Range.End ? reader.Read() : null;

        private void SetTexts(int place, ref VBuffer<ReadOnlyMemory<char>> value)
        {
            IReadOnlyList<string> texts = _row!.Texts(place);
            VBufferEditor<ReadOnlyMemory<char>> editor = VBufferEditor.Create(ref value, texts.Count);
            for (int i = 0; i < texts.Count; i++)
                editor.Values[i] = texts[i].AsMemory();
            value = editor.Commit();
        }
    }
}

/// <summary>What a cursor over a table does with rows.</summary>
internal sealed record TableViewOptions
{
    /// <summary>Columns that may have several texts a row: they are vectors.</summary>
    public IReadOnlyCollection<string> Several { get; init; } = [];

    /// <summary>The rows that are read, by their numbers from 0; the last one excluded.</summary>
    public (long First, long End) Range { get; init; } = (0, long.MaxValue);

    /// <summary>Whether a row is passed over; asked from the first row on, until it says no.</summary>
    public Func<TableRow, bool> IsDone { get; init; } = _ => false;

    /// <summary>Told of every row that a cursor stands on.</summary>
    public Action<TableRow>? RowRead { get; init; }
}
