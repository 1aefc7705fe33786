using System;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints;

/// <summary>Rows of blocks in memory that is held by somebody else.</summary>
/// <param name="What">File and tensor, for messages.</param>
/// <param name="Format">Type of the blocks.</param>
/// <param name="Rows">Rows there are.</param>
/// <param name="Elements">Elements of a row: a whole number of blocks.</param>
internal sealed record BlockShape(string What, GgufType Format, int Rows, int Elements);

/// <summary>Decodes rows of blocks from mapped memory, in parallel, into torch's, or only looks at them.</summary>
internal sealed unsafe class BlockReader
{
    // Elements decoded at a time: a multiple of every block, small enough to stay in the first cache.
    private const int ChunkElements = 2048;

    // Elements that are worth a task.
    private const int TaskElements = 1 << 17;

    private readonly BlockShape _shape;
    private readonly GgufDecoder _decode;
    private readonly nint _source;
    private readonly bool _asBFloat16;
    private byte* _target;
    private Func<int, int>? _rowOrder;
    private bool _looks;
    private volatile bool _finite = true;

    private BlockReader(BlockShape shape, nint source, ScalarType type)
    {
        _decode = shape.Format.Decode ?? throw new NotSupportedException(
            $"{shape.What}: type: found {shape.Format.Name}, supported is {GgufType.Supported}.");
        (_shape, _source) = (shape, source);
        _asBFloat16 = type switch
        {
            ScalarType.Float32 => false,
            ScalarType.BFloat16 => true,
            _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Float32 or BFloat16."),
        };
    }

    /// <summary>Writes all rows.</summary>
    /// <param name="shape">What lies there.</param>
    /// <param name="source">Its first byte, held by the caller.</param>
    /// <param name="target">As many numbers, Float32 or BFloat16, contiguous, in CPU memory.</param>
    /// <param name="rowOrder">
    /// Row r of the target is row <c>rowOrder(r)</c> of the source; null for the order of the source.
    /// </param>
    /// <exception cref="FormatException">A value is not finite.</exception>
    /// <exception cref="NotSupportedException">The type of the blocks is not read here.</exception>
    public static void Read(BlockShape shape, nint source, Tensor target, Func<int, int>? rowOrder = null)
    {
        var reader = new BlockReader(shape, source, target.dtype) { _rowOrder = rowOrder, _looks = true };
        reader.WriteTo(target, shape.Rows);
        reader.RefuseNotFinite();
    }

    /// <summary>Looks at all values and keeps none.</summary>
    /// <param name="shape">What lies there.</param>
    /// <param name="source">Its first byte, held by the caller.</param>
    /// <param name="type">The type in which they will be used: Float32 or BFloat16.</param>
    /// <exception cref="FormatException">A value is not finite.</exception>
    /// <exception cref="NotSupportedException">The type of the blocks is not read here.</exception>
    public static void Check(BlockShape shape, nint source, ScalarType type)
    {
        var reader = new BlockReader(shape, source, type) { _looks = true };
        reader.DecodeAll(shape.Rows);
        reader.RefuseNotFinite();
    }

    /// <summary>Writes some of the rows, whose values were looked at before.</summary>
    /// <param name="shape">What lies there.</param>
    /// <param name="source">Its first byte, held by the caller.</param>
    /// <param name="target">[n, elements of a row], Float32 or BFloat16, contiguous, in CPU memory.</param>
    /// <param name="rowOrder">Row r of the target is row <c>rowOrder(r)</c> of the source.</param>
    public static void Widen(BlockShape shape, nint source, Tensor target, Func<int, int> rowOrder) =>
        new BlockReader(shape, source, target.dtype) { _rowOrder = rowOrder }.WriteTo(target, (int)target.size(0));

    private void RefuseNotFinite()
    {
        if (!_finite)
            throw FiniteCheck.Fault(_shape.What);
    }

    private void WriteTo(Tensor target, int rows)
    {
        // The place of the first element only: a span over all would end at 2 GB.
        using Tensor flat = target.view(-1), first = flat.narrow(0, 0, 1);
        fixed (byte* start = first.bytes)
        {
            _target = start;
            DecodeAll(rows);
        }
    }

    private void DecodeAll(int rows)
    {
        int rowsPerTask = Math.Max(1, TaskElements / _shape.Elements);
        int tasks = (rows - 1) / rowsPerTask + 1;
        if (tasks == 1)
            DecodeRows(0, rows);
        else
            Parallel.For(0, tasks, task => DecodeRows(task * rowsPerTask, Math.Min(rows, (task + 1) * rowsPerTask)));
    }

    private void DecodeRows(int begin, int end)
    {
        Span<float> decoded = stackalloc float[ChunkElements];
        GgufType format = _shape.Format;
        int elements = _shape.Elements;
        long rowBytes = elements / format.Elements * (long)format.Bytes;
        for (int row = begin; row < end; row++)
        {
            byte* source = (byte*)_source + (_rowOrder is null ? row : _rowOrder(row)) * rowBytes;
            for (int start = 0; start < elements; start += ChunkElements)
            {
                int count = Math.Min(ChunkElements, elements - start), bytes = count / format.Elements * format.Bytes;
                Decode(new ReadOnlySpan<byte>(source, bytes), (long)row * elements + start, decoded[..count]);
                source += bytes;
            }
        }
    }

    private void Decode(ReadOnlySpan<byte> blocks, long place, Span<float> decoded)
    {
        Span<float> values = _asBFloat16 || _target is null ? decoded
            : new Span<float>((float*)_target + place, decoded.Length);
        _decode(blocks, values);
        if (_looks && !GgufFloats.AreFinite(values, _asBFloat16))
            _finite = false;
        if (_asBFloat16 && _target is not null)
            GgufFloats.Round(values, new Span<ushort>((ushort*)_target + place, values.Length));
    }
}
