using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Parquet;
using Parquet.Schema;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Reads the rows of a Parquet file, a group of rows at a time.</summary>
internal sealed class ParquetReading : IRowReader
{
    private readonly string _name;
    private readonly FileStream _stream;
    private readonly ParquetReader _reader;
    private readonly DataField[] _fields;
    private string?[][] _group = [];
    private int _nextGroup;
    private long _inGroup;
    private long _row;

    /// <param name="path">The file.</param>
    /// <param name="name">Its name, for messages.</param>
    /// <exception cref="FormatException">It is none, or has a column of a kind that is not read.</exception>
    public ParquetReading(string path, string name)
    {
        _name = name;
        _stream = File.OpenRead(path);
        try
        {
            _reader = Now(ParquetReader.CreateAsync(_stream));
            _fields = _reader.Schema.GetDataFields();
            if (_fields.Length == 0)
                throw new FormatException($"{name}: expected columns, found none.");
            Columns = [.. _fields.Select(field => field.Name)];
            Kinds = [.. _fields.Select(KindOf)];
        }
        catch (Exception fault)
        {
            _stream.Dispose();
            throw fault is FormatException ? fault
                : new FormatException($"{name}: expected a Parquet file, found another: {fault.Message}", fault);
        }
    }

    public IReadOnlyList<string> Columns { get; }

    public IReadOnlyList<ColumnKind> Kinds { get; }

    /// <exception cref="FormatException">What is next is broken.</exception>
    public TableRow? Read()
    {
        while (_inGroup == 0)
        {
            if (!HasGroup())
                return null;
            Load();
        }
        int at = (int)(_group[0].Length - _inGroup--);
        string json = string.Join(',', _fields.Select((field, column) =>
            $"{JsonText.Quote(field.Name)}:{_group[column][at] ?? "null"}"));
        using JsonDocument document = JsonDocument.Parse($"{{{json}}}");
        return new JsonRow($"{_name}, row {++_row}", Columns, document.RootElement.Clone());
    }

    public void Skip(long rows)
    {
        while (rows >= _inGroup && (rows > _inGroup || _inGroup > 0))
        {
            (_row, rows, _inGroup) = (_row + _inGroup, rows - _inGroup, 0);
            if (rows == 0 || !HasGroup())
                return;
            long count = CountOfNext();
            if (rows < count)
                Load();
            else
                (_nextGroup, _row, rows) = (_nextGroup + 1, _row + count, rows - count);
        }
        (_row, _inGroup) = (_row + rows, _inGroup - rows);
    }

    public void Dispose()
    {
        _reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _stream.Dispose();
    }

    private bool HasGroup() => _nextGroup < _reader.RowGroupCount;

    private long CountOfNext() => OfNext(group => group.RowCount);

    private void Load()
    {
        _group = OfNext(group => _fields.Zip(Kinds, (field, kind) => Column(group, field, kind)).ToArray());
        _inGroup = _group[0].Length;
        _nextGroup++;
    }

    /// <summary>Reads of the next group.</summary>
    /// <exception cref="FormatException">It is broken, whatever the reader says of it.</exception>
    private T OfNext<T>(Func<ParquetRowGroupReader, T> read)
    {
        try
        {
            using ParquetRowGroupReader group = _reader.OpenRowGroupReader(_nextGroup);
            return read(group);
        }
        catch (Exception fault) when (fault is not OutOfMemoryException)
        {
            throw new FormatException($"{_name}, behind row {_row}: expected a group of rows, found a broken one: "
                + fault.Message, fault);
        }
    }

    /// <summary>A column's values as JSON; null where there is none.</summary>
    private static string?[] Column(ParquetRowGroupReader group, DataField field, ColumnKind kind)
    {
        int count = checked((int)group.RowCount);
        switch (kind)
        {
            case ColumnKind.Truth:
                return Values<bool>(value => value ? "true" : "false");
            case ColumnKind.Int:
                return Values<int>(value => value.ToString(CultureInfo.InvariantCulture));
            case ColumnKind.Long:
                return Values<long>(value => value.ToString(CultureInfo.InvariantCulture));
            case ColumnKind.Float:
                return Values<float>(value => Number(value, value.ToString("R", CultureInfo.InvariantCulture)));
            case ColumnKind.Double:
                return Values<double>(value => Number(value, value.ToString("R", CultureInfo.InvariantCulture)));
            default:
                var texts = new string?[count];
                Now(group.ReadAsync(field, texts.AsMemory()!));
                return Array.ConvertAll(texts, text => text is null ? null : JsonText.Quote(text));
        }

        string?[] Values<T>(Func<T, string> show)
            where T : struct
        {
            var values = new T?[count];
            if (field.IsNullable)
                Now(group.ReadAsync(field, values.AsMemory()));
            else
            {
                var all = new T[count];
                Now(group.ReadAsync<T>(field, all.AsMemory()));
                values = Array.ConvertAll(all, value => (T?)value);
            }
            return Array.ConvertAll(values, value => value is { } given ? show(given) : null);
        }
    }

    // JSON has no word for what is no number.
    private static string Number(double value, string text) => double.IsFinite(value) ? text : JsonText.Quote(text);

    private ColumnKind KindOf(DataField field)
    {
        if (!field.IsArray && field.Path.Length == 1)
        {
            int found = Array.IndexOf(ParquetKinds.Types, field.ClrType);
            if (field.ClrType == typeof(ReadOnlyMemory<char>))
                return ColumnKind.Text;
            if (found >= 0)
                return (ColumnKind)found;
        }
        string within = field.IsArray || field.Path.Length > 1 ? "a list or a group of " : "";
        throw new FormatException($"{_name}, column '{field.Path}': expected texts, whole numbers of 32 or 64 bits,"
            + $" numbers, or true and false, found {within}{field.ClrType.Name}.");
    }

    private static T Now<T>(Task<T> task) => task.GetAwaiter().GetResult();

    private static void Now(ValueTask task) => task.AsTask().GetAwaiter().GetResult();

    private static void Now(Task task) => task.GetAwaiter().GetResult();
}

/// <summary>The types of columns in .NET.</summary>
internal static class ParquetKinds
{
    /// <summary>In the order of <see cref="ColumnKind"/>.</summary>
    public static readonly Type[] Types =
        [typeof(string), typeof(bool), typeof(int), typeof(long), typeof(float), typeof(double)];
}
