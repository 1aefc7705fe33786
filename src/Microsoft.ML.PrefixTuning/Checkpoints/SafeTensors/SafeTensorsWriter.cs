using System;
using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;

/// <summary>A tensor to be written.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its element type.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="WriteBytes">Writes its elements, row-major and little-endian.</param>
internal sealed record SafeTensorsContent(string Name, SafeTensorsType Type, long[] Shape, Action<Stream> WriteBytes)
{
    // A span holds less than 2 GiB.
    private const long LargestWrite = 1 << 28;

    /// <summary>Bytes of its elements.</summary>
    public long Bytes => Shape.Aggregate((long)Type.Bytes, (product, axis) => checked(product * axis));

    /// <summary>Float32 numbers.</summary>
    public static SafeTensorsContent Of(string name, long[] shape, float[] values) =>
        new(name, SafeTensorsType.Of(ScalarType.Float32), shape, stream =>
            stream.Write(MemoryMarshal.AsBytes<float>(values)));

    /// <summary>A tensor in its own type; stays the caller's and must live until it is written.</summary>
    public static SafeTensorsContent Of(string name, Tensor tensor) =>
        new(name, SafeTensorsType.Of(tensor.dtype), tensor.shape, stream =>
    {
        using var scope = NewDisposeScope();
        Tensor flat = tensor.cpu().contiguous().view(-1);
        for (long i = 0; i < flat.numel(); i += LargestWrite)
            stream.Write(flat.narrow(0, i, Math.Min(LargestWrite, flat.numel() - i)).bytes);
    });
}

/// <summary>
/// Writes safetensors as the reference does: larger element types first, then by name, header padded to 8 bytes, so
/// that every tensor can be mapped. The same content gives the same bytes.
/// </summary>
internal static class SafeTensorsWriter
{
    private const int Alignment = 8;

    // Names beyond ASCII stay readable, as in the reference.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes a file's bytes.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="tensors">The tensors, in any order; names differ.</param>
    /// <param name="metadata">Texts of <c>__metadata__</c>, or null for none.</param>
    public static void Write(Stream stream, IEnumerable<SafeTensorsContent> tensors,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        SafeTensorsContent[] ordered = [.. tensors.OrderByDescending(tensor => tensor.Type.Bits)
            .ThenBy(tensor => tensor.Name, StringComparer.Ordinal)];
        ReadOnlySpan<byte> header = Header(ordered, metadata);
        Span<byte> length = stackalloc byte[SafeTensorsHeader.LengthBytes];
        int padding = (Alignment - header.Length % Alignment) % Alignment;
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length + padding);
        stream.Write(length);
        stream.Write(header);
        stream.Write("       "u8[..padding]);
        foreach (SafeTensorsContent tensor in ordered)
            tensor.WriteBytes(stream);
    }

    private static ReadOnlySpan<byte> Header(SafeTensorsContent[] tensors,
        IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            if (metadata is not null)
            {
                json.WriteStartObject(SafeTensorsHeader.MetadataKey);
                foreach ((string key, string text) in metadata.OrderBy(entry => entry.Key, StringComparer.Ordinal))
                    json.WriteString(key, text);
                json.WriteEndObject();
            }
            long begin = 0;
            foreach (SafeTensorsContent tensor in tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type.Name);
                WriteNumbers(json, "shape", tensor.Shape);
                WriteNumbers(json, "data_offsets", [begin, begin += tensor.Bytes]);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        return buffer.WrittenSpan;
    }

    private static void WriteNumbers(Utf8JsonWriter json, string key, long[] numbers)
    {
        json.WriteStartArray(key);
        foreach (long number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }
}
