using System;
using System.Collections.Generic;
using System.Runtime.ExceptionServices;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Rows;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>
/// The one cursor that writes: reads rows ahead, has their texts written in one go, then steps through them. It begins
/// with one row and doubles: whoever wants a few rows does not pay for many. What it keeps is bounded by the
/// look-ahead, whatever the number of rows.
/// </summary>
internal sealed class GeneratedTextCursor : DataViewRowCursor
{
    private readonly DataViewRowCursor _source;
    private readonly GeneratedTextDataView _view;
    private readonly bool[] _active;
    private readonly int _inputs;
    private readonly ColumnBuffer?[] _buffers;
    private readonly ValueGetter<DataViewRowId> _sourceId;
    private readonly RowLines _lines;
    private readonly List<DataViewRowId> _ids = [];
    private readonly List<InputRow> _rows = [];
    private GeneratedText[] _results = [];
    private long _taken;
    private long _batch;
    private int _place = -1;
    private long _position = -1;
    private bool _atEnd;
    private ExceptionDispatchInfo? _fault;

    /// <param name="source">The source's cursor; owned.</param>
    /// <param name="view">The view; gives the texts.</param>
    /// <param name="active">Active columns of the view.</param>
    public GeneratedTextCursor(DataViewRowCursor source, GeneratedTextDataView view, bool[] active)
    {
        (_source, _view, _active) = (source, view, active);
        _inputs = source.Schema.Count;
        _buffers = new ColumnBuffer?[_inputs];
        for (int column = 0; column < _inputs; column++)
        {
            if (active[column])
                _buffers[column] = ColumnBuffer.Make(source, source.Schema[column]);
        }
        // Columns that are read for the model alone come with the others, but nobody gets their values.
        foreach (DataViewSchema.Column column in view.Read.All)
            _buffers[column.Index] ??= ColumnBuffer.Make(source, column);
        _sourceId = source.GetIdGetter();
        _lines = RowLines.Find(source.Schema);
    }

    public override DataViewSchema Schema => _view.Schema;

    public override long Position => _position;

    public override long Batch => _batch;

    public override bool IsColumnActive(DataViewSchema.Column column) => _active[column.Index];

    public override bool MoveNext()
    {
        // Rows were lost: neither the texts of others nor an early end may stand for them.
        _fault?.Throw();
        if (_atEnd)
            return false;
        if (++_place >= _rows.Count && !Fill())
        {
            _atEnd = true;
            return false;
        }
        _position = _rows[_place].Position;
        return true;
    }

    public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId id) => id = _ids[Place()];

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        if (!_active[column.Index])
            throw new ArgumentOutOfRangeException(nameof(column),
                $"Column '{column.Name}' is not active in this cursor.");
        Delegate getter = column.Index < _inputs
            ? _buffers[column.Index]!.Getter(Place)
            : RowWriter.Getter(column, column.Index == _inputs, _view.Settings, () => _results[Place()]);
        return getter as ValueGetter<TValue>
            ?? throw new InvalidOperationException(
                $"Column '{column.Name}': expected a getter of {column.Type.RawType}, asked for {typeof(TValue)}.");
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _source.Dispose();
        base.Dispose(disposing);
    }

    private int Place() => _position >= 0 ? _place
        : throw new InvalidOperationException(
            "The cursor stands on no row: call MoveNext first, and read only while it returns true.");

    private bool Fill()
    {
        Forget();
        try
        {
            int ahead = NextAhead();
            while (_rows.Count < ahead && _source.MoveNext())
                Take();
            _taken += _rows.Count;
            _batch++;
            _results = _rows.Count == 0 ? [] : _view.Texts(_rows);
        }
        catch (Exception fault)
        {
            Forget();
            _fault = ExceptionDispatchInfo.Capture(fault);
            throw;
        }
        return _rows.Count > 0;
    }

    /// <summary>
    /// The rows of the first look-ahead come in parts, each as many as came before it and at most what is worked on at
    /// once. All others come in whole ones, as if the first had.
    /// </summary>
    private int NextAhead()
    {
        GenerationOptions options = _view.Settings.Generation;
        long left = options.LookAhead - _taken;
        return left > 0 ? (int)Math.Min(Math.Clamp(_taken, 1, options.BatchSize), left) : options.LookAhead;
    }

    private void Forget()
    {
        foreach (ColumnBuffer? buffer in _buffers)
            buffer?.Clear();
        _ids.Clear();
        _rows.Clear();
        _results = [];
        (_place, _position) = (0, -1);
    }

    private void Take()
    {
        foreach (ColumnBuffer? buffer in _buffers)
            buffer?.Take();
        DataViewRowId id = default;
        _sourceId(ref id);
        _ids.Add(id);
        int place = _rows.Count;
        _rows.Add(_view.Read.Row(_source.Position, column => _buffers[column.Index]!.Text(place),
            _lines.Of(_source.Position)));
    }
}
