using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>
/// Files of one table, one after the other. The first one that has columns says which there are: JSON without an object
/// does not.
/// </summary>
internal sealed class JoinedReader : IRowReader
{
    private readonly IReadOnlyList<string> _paths;
    private readonly Func<string, IReadOnlyList<string>?, IRowReader> _open;
    private readonly IReadOnlyList<long>? _rows;
    private readonly string _first;
    private IRowReader _current;
    private int _file;

    /// <param name="paths">The files, at least one.</param>
    /// <param name="open">Opens one; told of the columns, null for who says which there are.</param>
    /// <param name="rows">How many rows each has, where that is known: then files are passed over unread.</param>
    public JoinedReader(IReadOnlyList<string> paths, Func<string, IReadOnlyList<string>?, IRowReader> open,
        IReadOnlyList<long>? rows)
    {
        (_paths, _open, _rows) = (paths, open, rows);
        _current = open(paths[0], null);
        while (_current.IsEmpty && _file + 1 < paths.Count)
        {
            _current.Dispose();
            _current = open(paths[++_file], null);
        }
        _first = paths[_file];
        (Columns, Kinds, IsEmpty) = (_current.Columns, _current.Kinds, _current.IsEmpty);
    }

    public IReadOnlyList<string> Columns { get; }

    public IReadOnlyList<ColumnKind> Kinds { get; }

    public bool IsEmpty { get; }

    public TableRow? Read()
    {
        TableRow? row = _current.Read();
        while (row is null && _file + 1 < _paths.Count)
        {
            Go(_file + 1);
            row = _current.Read();
        }
        return row;
    }

    public void Skip(long rows)
    {
        int file = 0;
        while (file + 1 < _rows?.Count && rows >= _rows[file])
            rows -= _rows[file++];
        if (file > 0)
            Go(file);
        if (_rows is not null)
            _current.Skip(rows);
        for (; _rows is null && rows > 0 && Read() is not null; rows--)
        {
        }
    }

    public void Dispose() => _current.Dispose();

    private void Go(int file)
    {
        _current.Dispose();
        _file = file;
        _current = _open(_paths[file], Columns);
        if (!_current.Columns.SequenceEqual(Columns) || !_current.Kinds.SequenceEqual(Kinds))
        {
            throw new FormatException($"'{_paths[file]}': expected the columns of '{_first}', "
                + $"{string.Join(", ", Columns)}, found {string.Join(", ", _current.Columns)}.");
        }
    }
}
