using System;
using System.Collections.Generic;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.MlNet;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>The columns that an evaluation reads, checked.</summary>
internal sealed class EvaluationColumns
{
    private readonly DataViewSchema.Column _label;
    private readonly DataViewSchema.Column? _group;

    /// <exception cref="ArgumentOutOfRangeException">A column is missing or has another type.</exception>
    public EvaluationColumns(DataViewSchema schema, string label, string output, string? group)
    {
        _label = Find(schema, "label", label);
        Check(ColumnTexts.Has(_label.Type), "label", _label, "String or a vector of String");
        Output = Find(schema, "output", output);
        Check(ColumnTexts.Has(Output.Type), "output", Output, "String or a vector of String");
        if (group is null)
            return;
        _group = Find(schema, "group", group);
        Check(IsGroup(_group.Value.Type), "group", _group.Value, "String, a key or an integer");
    }

    /// <summary>The text that is measured.</summary>
    public DataViewSchema.Column Output { get; }

    /// <summary>All columns that are read.</summary>
    public IEnumerable<DataViewSchema.Column> Needed =>
        _group is { } group ? [_label, Output, group] : [_label, Output];

    /// <summary>Gives the references of the cursor's row; empty texts are none.</summary>
    public Func<IReadOnlyList<string>> GetLabelReader(DataViewRow row)
    {
        Func<string[]> read = ColumnTexts.GetReader(row, _label);
        return () => Array.FindAll(read(), text => text.Length > 0);
    }

    /// <summary>
    /// Gives the text of the cursor's row: of several the first one, which is the best where a model wrote them. It
    /// throws an <see cref="ArgumentException"/> where there is none.
    /// </summary>
    public Func<string> GetOutputReader(DataViewRow row)
    {
        Func<string[]> read = ColumnTexts.GetReader(row, Output);
        return () => read() is [var first, ..] ? first : throw new ArgumentException(
            $"{Place(row)}, column '{Output.Name}': expected a text, found an empty vector.");
    }

    /// <summary>
    /// Gives what the cursor's row shares with the others of its group; null where rows are not grouped. It throws an
    /// <see cref="ArgumentException"/> where the row's group is missing.
    /// </summary>
    public Func<object?> GetGroupReader(DataViewRow row)
    {
        if (_group is not { } group)
            return () => null;
        Func<object> read = GetValueReader(row, group);
        object? missing = MissingGroup(group.Type);
        string found = group.Type is TextDataViewType ? "an empty text" : "a missing key";
        return () => read() is { } value && !value.Equals(missing) ? value
            : throw new ArgumentException(
                $"{Place(row)}, column '{group.Name}': expected a group, found {found}.");
    }

    private static string Place(DataViewRow row) =>
        RowPlace.Of(row.Position, RowLines.Find(row.Schema).Of(row.Position));

    private static Func<object> GetValueReader(DataViewRow row, DataViewSchema.Column column) =>
        column.Type is TextDataViewType ? GetTextReader(row, column) : Type.GetTypeCode(column.Type.RawType) switch
        {
            TypeCode.Byte => GetValueReader<byte>(row, column),
            TypeCode.SByte => GetValueReader<sbyte>(row, column),
            TypeCode.UInt16 => GetValueReader<ushort>(row, column),
            TypeCode.Int16 => GetValueReader<short>(row, column),
            TypeCode.UInt32 => GetValueReader<uint>(row, column),
            TypeCode.Int32 => GetValueReader<int>(row, column),
            TypeCode.UInt64 => GetValueReader<ulong>(row, column),
            _ => GetValueReader<long>(row, column),
        };

    /// <summary>What stands for no group at all; null where every value is a group, as with numbers.</summary>
    private static object? MissingGroup(DataViewType type) => type switch
    {
        TextDataViewType => "",
        // Keys count from 1; 0 is a value that the key's mapping did not have.
        KeyDataViewType => Activator.CreateInstance(type.RawType),
        _ => null,
    };

    private static bool IsGroup(DataViewType type) => type is TextDataViewType
        || (type is KeyDataViewType or NumberDataViewType
            && Type.GetTypeCode(type.RawType) is >= TypeCode.SByte and <= TypeCode.UInt64);

    private static Func<string> GetTextReader(DataViewRow row, DataViewSchema.Column column)
    {
        ValueGetter<ReadOnlyMemory<char>> getter = row.GetGetter<ReadOnlyMemory<char>>(column);
        ReadOnlyMemory<char> text = default;
        return () =>
        {
            getter(ref text);
            return text.ToString();
        };
    }

    private static Func<object> GetValueReader<T>(DataViewRow row, DataViewSchema.Column column)
        where T : struct
    {
        ValueGetter<T> getter = row.GetGetter<T>(column);
        T value = default;
        return () =>
        {
            getter(ref value);
            return value;
        };
    }

    private static DataViewSchema.Column Find(DataViewSchema schema, string role, string name) =>
        schema.GetColumnOrNull(name)
        ?? throw new ArgumentOutOfRangeException($"{role}ColumnName", $"Could not find {role} column '{name}'");

    private static void Check(bool fits, string role, DataViewSchema.Column column, string expected)
    {
        if (!fits)
            throw new ArgumentOutOfRangeException($"{role}ColumnName",
                $"Schema mismatch for {role} column '{column.Name}': expected {expected}, got {column.Type}");
    }
}
