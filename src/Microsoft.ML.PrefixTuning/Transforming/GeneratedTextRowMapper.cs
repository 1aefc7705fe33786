using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Rows;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>Rows one at a time: what a PredictionEngine asks for.</summary>
internal sealed class GeneratedTextRowMapper : IRowToRowMapper
{
    private readonly RowWriter _writer;
    private readonly ReadColumns _read;

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
            DataViewSchema.Column[] sources = column.Index < needed.Length ? [column] : [.. _read.All];
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
        private readonly Dictionary<int, ColumnBuffer> _buffers = [];
        private readonly ThreadWatch _watch;
        private GeneratedText? _result;
        private InputRow _written;

        public Row(DataViewRow source, GeneratedTextRowMapper mapper, bool[] active)
        {
            (_source, _mapper, _active, _watch) = (source, mapper, active, new ThreadWatch(source));
            if (active.AsSpan(mapper.InputSchema.Count).Contains(true))
            {
                foreach (DataViewSchema.Column column in mapper._read.All)
                    _buffers[column.Index] = ColumnBuffer.Make(source, column);
            }
        }

        public override DataViewSchema Schema => _mapper.OutputSchema;

        public override long Position => _source.Position;

        public override long Batch => _source.Batch;

        public override bool IsColumnActive(DataViewSchema.Column column) => _active[column.Index];

        public override ValueGetter<DataViewRowId> GetIdGetter() => _source.GetIdGetter();

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            if (!_active[column.Index])
                throw new ArgumentOutOfRangeException(nameof(column),
                    $"Column '{column.Name}' is not active in this row.");
            int inputs = _mapper.InputSchema.Count;
            if (column.Index < inputs)
                return Watched(_source.GetGetter<TValue>(_mapper.InputSchema[column.Index]));
            return RowWriter.Getter(column, column.Index == inputs, _mapper._writer.Settings,
                Current) as ValueGetter<TValue>
                ?? throw new InvalidOperationException(
                    $"Column '{column.Name}': expected a getter of {column.Type.RawType}, asked for {typeof(TValue)}.");
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _source.Dispose();
            base.Dispose(disposing);
        }

        // A column that is asked for before ours and fails must not look like a row that another thread took.
        private ValueGetter<TValue> Watched<TValue>(ValueGetter<TValue> getter) =>
            _buffers.Count == 0 ? getter : (ref TValue value) =>
        {
            _watch.Note();
            getter(ref value);
        };

        private GeneratedText Current()
        {
            long position = _watch.Enter();
            try
            {
                InputRow row = _mapper._read.Row(position, Read);
                if (_result is null || row != _written)
                {
                    (_written, _result) = (row, null);
                    _result = _mapper._writer.Write([row])[0];
                }
                _watch.Confirm(position);
                return _result;
            }
            finally
            {
                _watch.Leave();
            }
        }

        private string Read(DataViewSchema.Column column)
        {
            ColumnBuffer buffer = _buffers[column.Index];
            buffer.Take();
            string text = buffer.Text(0);
            buffer.Clear();
            return text;
        }
    }
}
