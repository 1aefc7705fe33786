using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Microsoft.ML.Data;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Rows one at a time: what a PredictionEngine asks for.</summary>
internal sealed class GeneratedTextRowMapper : IRowToRowMapper
{
    private readonly RowWriter _writer;
    private readonly DataViewSchema.Column[] _read;

    public GeneratedTextRowMapper(DataViewSchema inputSchema, RowWriter writer)
    {
        (_writer, InputSchema) = (writer, inputSchema);
        _read = GeneratedTextSchema.Read(inputSchema, writer.Settings);
        OutputSchema = GeneratedTextSchema.Deliver(inputSchema, writer.Settings);
    }

    public DataViewSchema InputSchema { get; }

    public DataViewSchema OutputSchema { get; }

    public IEnumerable<DataViewSchema.Column> GetDependencies(IEnumerable<DataViewSchema.Column> dependingColumns)
    {
        var needed = new bool[InputSchema.Count];
        foreach (DataViewSchema.Column column in dependingColumns)
        {
            DataViewSchema.Column[] sources = column.Index < needed.Length ? [column] : _read;
            foreach (DataViewSchema.Column source in sources)
                needed[source.Index] = true;
        }
        return InputSchema.Where(column => needed[column.Index]);
    }

    public DataViewRow GetRow(DataViewRow input, IEnumerable<DataViewSchema.Column> activeColumns)
    {
        if (input.Schema != InputSchema)
            throw new ArgumentException("The row's schema is not the one this mapper was made for.", nameof(input));
        var active = new bool[OutputSchema.Count];
        foreach (DataViewSchema.Column column in activeColumns)
            active[column.Index] = true;
        return new Row(input, this, active);
    }

    /// <summary>A row of the input with the new columns; a text is written once a position.</summary>
    private sealed class Row : DataViewRow
    {
        private readonly DataViewRow _source;
        private readonly GeneratedTextRowMapper _mapper;
        private readonly bool[] _active;
        private readonly ValueGetter<ReadOnlyMemory<char>>[] _getters = [];
        private GeneratedText? _result;
        private InputRow _written = new(long.MinValue, "");
        private bool _disturbed;
        private int _busy;

        public Row(DataViewRow source, GeneratedTextRowMapper mapper, bool[] active)
        {
            (_source, _mapper, _active) = (source, mapper, active);
            if (active.AsSpan(mapper.InputSchema.Count).Contains(true))
                _getters = Array.ConvertAll(mapper._read, source.GetGetter<ReadOnlyMemory<char>>);
        }

        public override DataViewSchema Schema => _mapper.OutputSchema;

        public override long Position => _source.Position;

        public override long Batch => _source.Batch;

        public override bool IsColumnActive(DataViewSchema.Column column) => _active[column.Index];

        public override ValueGetter<DataViewRowId> GetIdGetter() => _source.GetIdGetter();

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            if (!_active[column.Index])
                throw new ArgumentOutOfRangeException(nameof(column), $"Column '{column.Name}' is not active in this row.");
            int inputs = _mapper.InputSchema.Count;
            if (column.Index < inputs)
                return _source.GetGetter<TValue>(_mapper.InputSchema[column.Index]);
            return RowWriter.Getter(column, column.Index == inputs, _mapper._writer.Settings, Current) as ValueGetter<TValue>
                ?? throw new InvalidOperationException($"Column '{column.Name}': expected a getter of {column.Type.RawType}, asked for {typeof(TValue)}.");
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _source.Dispose();
            base.Dispose(disposing);
        }

        private GeneratedText Current()
        {
            // An engine writes its input into the source before it asks here. Two threads in one engine would read each
            // other's input: that shows in calls that overlap (then neither can be trusted), or in a position that moved on
            // without being asked for.
            if (Interlocked.Exchange(ref _busy, 1) != 0)
            {
                Volatile.Write(ref _disturbed, true);
                throw OneThread();
            }
            try
            {
                Volatile.Write(ref _disturbed, false);
                InputRow before = _written, row = new(_source.Position, Read(0), _getters.Length > 1 ? Read(1) : null);
                if (_result is not null && row == before)
                    return _result;
                (_written, _result) = (row, null);
                if (_source.Position != row.Position || (before.Position != long.MinValue && row.Position > before.Position + 1))
                    throw OneThread();
                GeneratedText result = _mapper._writer.Write([row])[0];
                if (Volatile.Read(ref _disturbed))
                    throw OneThread();
                return _result = result;
            }
            finally
            {
                Volatile.Write(ref _busy, 0);
            }
        }

        private string Read(int column)
        {
            ReadOnlyMemory<char> memory = default;
            _getters[column](ref memory);
            return memory.ToString();
        }

        private static InvalidOperationException OneThread() =>
            new("This PredictionEngine is used by more than one thread at once, which ML.NET does not allow: take one engine a thread, such as from a PredictionEnginePool.");
    }
}
