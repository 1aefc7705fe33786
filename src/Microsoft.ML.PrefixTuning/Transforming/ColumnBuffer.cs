using System;
using System.Collections.Generic;
using System.Globalization;
using Microsoft.ML.Data;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>The values of one column for the rows read ahead.</summary>
internal abstract class ColumnBuffer
{
    /// <summary>A buffer for a column's type.</summary>
    /// <param name="row">The source's cursor.</param>
    /// <param name="column">An active column of it.</param>
    public static ColumnBuffer Make(DataViewRow row, DataViewSchema.Column column)
    {
        Type kind = column.Type is VectorDataViewType vector
            ? typeof(VectorColumnBuffer<>).MakeGenericType(vector.ItemType.RawType)
            : column.Type is TextDataViewType ? typeof(TextColumnBuffer)
                : typeof(ScalarColumnBuffer<>).MakeGenericType(column.Type.RawType);
        return (ColumnBuffer)Activator.CreateInstance(kind, row, column)!;
    }

    /// <summary>Takes the value of the row where the source stands.</summary>
    public abstract void Take();

    /// <summary>The value at a place, as a text.</summary>
    public abstract string Text(int place);

    /// <summary>Forgets all values.</summary>
    public abstract void Clear();

    /// <summary>A getter of the value at a place.</summary>
    /// <param name="place">Which of the buffered rows; asked at every call.</param>
    public abstract Delegate Getter(Func<int> place);
}

/// <summary>
/// A buffer of values that are copied by <see cref="Copy"/>, since a source may reuse what it hands out.
/// </summary>
internal abstract class ColumnBuffer<T> : ColumnBuffer
{
    private readonly ValueGetter<T> _get;
    private readonly List<T> _values = [];
    private T _value = default!;

    protected ColumnBuffer(DataViewRow row, DataViewSchema.Column column) => _get = row.GetGetter<T>(column);

    /// <summary>Copies a value to where it stays unchanged.</summary>
    protected abstract void Copy(in T from, ref T to);

    public override void Take()
    {
        _get(ref _value);
        T copy = default!;
        Copy(_value, ref copy);
        _values.Add(copy);
        // An object is not copied, and a getter may dispose the one it is handed, as those of images do.
        if (!typeof(T).IsValueType)
            _value = default!;
    }

    public override string Text(int place) => Convert.ToString(_values[place], CultureInfo.InvariantCulture) ?? "";

    public override void Clear() => _values.Clear();

    public override Delegate Getter(Func<int> place) =>
        (ValueGetter<T>)((ref T value) => Copy(_values[place()], ref value));
}

/// <summary>Numbers, flags, dates: values that copy themselves.</summary>
internal sealed class ScalarColumnBuffer<T>(DataViewRow row, DataViewSchema.Column column)
    : ColumnBuffer<T>(row, column)
{
    protected override void Copy(in T from, ref T to) => to = from;
}

/// <summary>Texts, each a string of its own.</summary>
internal sealed class TextColumnBuffer(DataViewRow row, DataViewSchema.Column column)
    : ColumnBuffer<ReadOnlyMemory<char>>(row, column)
{
    protected override void Copy(in ReadOnlyMemory<char> from, ref ReadOnlyMemory<char> to) =>
        to = from.ToString().AsMemory();
}

/// <summary>Vectors, dense or sparse.</summary>
internal sealed class VectorColumnBuffer<T>(DataViewRow row, DataViewSchema.Column column)
    : ColumnBuffer<VBuffer<T>>(row, column)
{
    protected override void Copy(in VBuffer<T> from, ref VBuffer<T> to)
    {
        from.CopyTo(ref to);
        if (typeof(T) != typeof(ReadOnlyMemory<char>))
            return;
        VBufferEditor<T> editor = VBufferEditor.CreateFromBuffer(ref to);
        foreach (ref T item in editor.Values)
            item = (T)(object)((ReadOnlyMemory<char>)(object)item!).ToString().AsMemory();
    }
}
