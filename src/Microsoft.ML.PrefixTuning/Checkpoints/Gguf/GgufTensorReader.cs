using System;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Files;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>Decodes one tensor from mapped memory into torch's, rows in parallel, values checked on the way.</summary>
internal sealed unsafe class GgufTensorReader
{
    // Elements decoded at a time: a multiple of every block, small enough to stay in the first cache.
    private const int ChunkElements = 2048;

    // Elements that are worth a task.
    private const int TaskElements = 1 << 17;

    private readonly GgufTensor _tensor;
    private readonly GgufType _format;
    private readonly GgufDecoder _decode;
    private readonly byte* _source;
    private readonly byte* _target;
    private readonly bool _asBFloat16;
    private readonly Func<int, int>? _rowOrder;
    private volatile bool _finite = true;

    private GgufTensorReader(GgufTensor tensor, GgufType format, GgufDecoder decode, (nint Source, nint Target) memory,
        Func<int, int>? rowOrder, bool asBFloat16)
    {
        (_tensor, _format, _decode, _rowOrder, _asBFloat16) = (tensor, format, decode, rowOrder, asBFloat16);
        _source = (byte*)memory.Source;
        _target = (byte*)memory.Target;
    }

    /// <summary>Reads a tensor.</summary>
    /// <param name="tensor">Its description.</param>
    /// <param name="source">Its first byte, held by the caller.</param>
    /// <param name="type">Float32 or BFloat16.</param>
    /// <param name="rowOrder">
    /// Row r of the result is row <c>rowOrder(r)</c> of the file; null for the order of the file.
    /// </param>
    /// <exception cref="FormatException">A value is not finite.</exception>
    /// <exception cref="NotSupportedException">Its stored type is not read here.</exception>
    public static Tensor Read(GgufTensor tensor, byte* source, ScalarType type, Func<int, int>? rowOrder)
    {
        if (type is not (ScalarType.Float32 or ScalarType.BFloat16))
            throw new ArgumentOutOfRangeException(nameof(type), type, "Float32 or BFloat16.");
        string what = $"{tensor.Info.File}: tensor {FileText.Quote(tensor.Info.Name)}";
        if (tensor.Format is not { Decode: { } decode } format)
            throw new NotSupportedException(
                $"{what}: type: found {tensor.Info.StoredType}, supported is {GgufType.Supported}.");
        Tensor result = empty(tensor.Info.Shape, type);
        // The place of the first element only: a span over all would end at 2 GB.
        using Tensor flat = result.view(-1), first = flat.narrow(0, 0, 1);
        fixed (byte* target = first.bytes)
        {
            var reader = new GgufTensorReader(tensor, format, decode, ((nint)source, (nint)target), rowOrder,
                type == ScalarType.BFloat16);
            reader.DecodeAll();
            if (reader._finite)
                return result;
        }
        result.Dispose();
        throw new FormatException($"{what}: expected finite values, found NaN or infinity (not finite).");
    }

    private void DecodeAll()
    {
        int rowsPerTask = Math.Max(1, TaskElements / _tensor.RowElements);
        int tasks = (_tensor.Rows - 1) / rowsPerTask + 1;
        if (tasks == 1)
            DecodeRows(0, _tensor.Rows);
        else
            Parallel.For(0, tasks, task =>
                DecodeRows(task * rowsPerTask, Math.Min(_tensor.Rows, (task + 1) * rowsPerTask)));
    }

    private void DecodeRows(int begin, int end)
    {
        Span<float> decoded = stackalloc float[ChunkElements];
        int elements = _tensor.RowElements;
        long rowBytes = elements / _format.Elements * (long)_format.Bytes;
        for (int row = begin; row < end; row++)
        {
            byte* source = _source + (_rowOrder is null ? row : _rowOrder(row)) * rowBytes;
            for (int start = 0; start < elements; start += ChunkElements)
            {
                int count = Math.Min(ChunkElements, elements - start), bytes = count / _format.Elements * _format.Bytes;
                Decode(new ReadOnlySpan<byte>(source, bytes), (long)row * elements + start, decoded[..count]);
                source += bytes;
            }
        }
    }

    private void Decode(ReadOnlySpan<byte> blocks, long place, Span<float> decoded)
    {
        Span<float> values = _asBFloat16 ? decoded : new Span<float>((float*)_target + place, decoded.Length);
        _decode(blocks, values);
        if (!GgufFloats.AreFinite(values, _asBFloat16))
            _finite = false;
        if (_asBFloat16)
            GgufFloats.Round(values, new Span<ushort>((ushort*)_target + place, values.Length));
    }
}
