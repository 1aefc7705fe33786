using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>A tensor of a GGUF file and where it lies.</summary>
/// <param name="Info">Name, type, shape (outermost axis first).</param>
/// <param name="Format">Its type, or null where nobody here knows it.</param>
/// <param name="Start">Its first byte, counted from the start of the file.</param>
/// <param name="Bytes">Its bytes, or 0 where its type is not known.</param>
internal sealed record GgufTensor(TensorInfo Info, GgufType? Format, long Start, long Bytes)
{
    /// <summary>Elements of the innermost axis.</summary>
    public int RowElements => (int)Info.Shape[^1];

    /// <summary>Rows of all outer axes together.</summary>
    public int Rows { get; } = (int)Info.Shape.SkipLast(1).Aggregate(1L, (rows, axis) => rows * axis);

    /// <summary>Its rows of blocks.</summary>
    /// <exception cref="NotSupportedException">Nobody here knows its type.</exception>
    public BlockShape Blocks => new(Info.What, Format ?? throw new NotSupportedException(
        $"{Info.What}: type: found {Info.StoredType}, supported is {GgufType.Supported}."), Rows, RowElements);
}

/// <summary>The table of tensors behind a GGUF file's metadata, checked as a whole.</summary>
internal static class GgufTensorTable
{
    // What a name's length, a name, the number of axes, an axis, the type and the offset take; and more than any model
    // has.
    private const int LeastBytesOfTensor = 8 + 1 + 4 + 8 + 4 + 8, MostTensors = 1 << 16;

    // As ggml has it (GGML_MAX_NAME, GGML_MAX_DIMS).
    private const int LongestName = 64, MostAxes = 4;

    /// <summary>The number of tensors, compared with the bytes left.</summary>
    public static int ReadCount(GgufCursor cursor) =>
        cursor.Count(LeastBytesOfTensor, MostTensors, "number of tensors (n_tensors)");

    /// <summary>Reads the table behind the cursor.</summary>
    /// <param name="cursor">Behind the metadata.</param>
    /// <param name="count">Number of tensors.</param>
    /// <param name="alignment">What the start of the data and all offsets are a multiple of, in bytes.</param>
    /// <param name="file">Name and length of the file.</param>
    /// <exception cref="FormatException">
    /// A tensor is broken, lies outside the file or over another, or stands twice.
    /// </exception>
    public static Dictionary<string, GgufTensor> Read(GgufCursor cursor, int count, uint alignment,
        (string Name, long Length) file)
    {
        var entries = new List<(GgufTensor Tensor, ulong Offset)>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < count; i++)
        {
            entries.Add(Entry(cursor, $"tensor {i} of {count}", file.Name));
            string name = entries[^1].Tensor.Info.Name;
            if (!names.Add(name))
                throw cursor.Fault($"tensor {FileText.Quote(name)}", "every tensor once", "a duplicate");
        }
        long data = (cursor.Position + alignment - 1) / alignment * alignment;
        return Place(entries, data, alignment, file);
    }

    private static (GgufTensor, ulong) Entry(GgufCursor cursor, string place, string file)
    {
        string name = cursor.Text($"{place}, name"), what = $"tensor {FileText.Quote(name)}";
        if (name.Length is 0 or > LongestName)
            throw cursor.Fault(what, $"a name of 1 to {LongestName} bytes", $"a length of {name.Length}");
        uint axes = cursor.Number<uint>(what);
        if (axes is 0 or > MostAxes)
            throw cursor.Fault(what, $"1 to {MostAxes} dimensions", $"{axes}");
        var shape = new long[axes];
        long elements = 1;
        for (int axis = shape.Length - 1; axis >= 0; axis--)
        {
            ulong size = cursor.Number<ulong>(what);
            if (size is 0 or > int.MaxValue)
                throw cursor.Fault(what, $"a shape with dimensions of 1 to {int.MaxValue}", $"{size}");
            if (elements > long.MaxValue / sizeof(double) / (long)size)
                throw cursor.Fault(what, "a shape whose size can be counted", "dimensions that overflow");
            elements *= shape[axis] = (long)size;
        }
        if (elements / shape[^1] > int.MaxValue)
            throw cursor.Fault(what, $"a shape of at most {int.MaxValue} rows", $"{elements / shape[^1]}");
        uint type = cursor.Number<uint>(what);
        GgufType? format = GgufType.Find(type);
        if (format is not null && shape[^1] % format.Elements != 0)
            throw cursor.Fault(what,
                $"a shape with rows of a multiple of {format.Elements} elements, a block of {format.Name}",
                $"{shape[^1]}");
        var info = new TensorInfo(name, format?.Name ?? $"type {type}", shape, file, format?.IsFloating ?? true);
        long bytes = format is null ? 0 : elements / format.Elements * format.Bytes;
        return (new GgufTensor(info, format, 0, bytes), cursor.Number<ulong>(what));
    }

    private static Dictionary<string, GgufTensor> Place(List<(GgufTensor Tensor, ulong Offset)> entries, long data,
        uint alignment, (string Name, long Length) file)
    {
        var tensors = new Dictionary<string, GgufTensor>(entries.Count, StringComparer.Ordinal);
        long end = 0, room = Math.Max(0, file.Length - data);
        foreach ((GgufTensor tensor, ulong offset) in entries)
        {
            string what = $"{file.Name}: tensor {FileText.Quote(tensor.Info.Name)}";
            if (offset % alignment != 0)
                throw new FormatException(
                    $"{what}: expected an offset that is a multiple of the alignment {alignment}, found {offset}.");
            if (offset > (ulong)room || tensor.Bytes > room - (long)offset)
                throw new FormatException(
                    $"{what}: expected {tensor.Bytes} bytes at offset {offset}, found the end of the file after"
                        + $" {room} bytes of data (truncated, or a wrong offset or shape).");
            if ((long)offset < end)
                throw new FormatException(
                    $"{what}: expected an offset from {end} up, found {offset} (overlap, or out of order).");
            end = (long)offset + tensor.Bytes;
            tensors.Add(tensor.Info.Name, tensor with { Start = data + (long)offset });
        }
        return tensors;
    }
}
