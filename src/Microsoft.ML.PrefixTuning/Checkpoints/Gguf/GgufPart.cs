using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.ML.PrefixTuning.Files;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>
/// One file of a GGUF model, read strictly: everything in front of the data is checked when it is opened. Owns the
/// mapping of the file; its metadata can be read while it is open.
/// </summary>
internal sealed class GgufPart : IDisposable
{
    private const uint Magic = 0x4655_4747, DefaultAlignment = 32; // "GGUF"

    private readonly MappedFile _mapping;

    private GgufPart(string path, MappedFile mapping, GgufMetadata metadata) =>
        (FullPath, _mapping, Metadata) = (path, mapping, metadata);

    public string FullPath { get; }

    public string Name => Path.GetFileName(FullPath);

    /// <summary>Keys and values, made when they are asked for: while the file is open.</summary>
    public IReadOnlyDictionary<string, object> Metadata { get; }

    /// <summary>The tensors by name.</summary>
    public required IReadOnlyDictionary<string, GgufTensor> Tensors { get; init; }

    /// <summary>What the start of the data and all offsets are a multiple of, in bytes.</summary>
    public required uint Alignment { get; init; }

    /// <summary>Whether another GGUF file begins where this one's data ends: files joined byte by byte.</summary>
    public required bool IsFollowedByAnother { get; init; }

    /// <summary>Opens a file and checks all that stands in front of its data.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="FormatException">It is no GGUF file or a broken one.</exception>
    /// <exception cref="NotSupportedException">It is of another version or byte order.</exception>
    public static GgufPart Open(string path)
    {
        path = Path.GetFullPath(path);
        MappedFile mapping = MappedFile.Open(path);
        try
        {
            return Open(path, mapping);
        }
        catch
        {
            mapping.Dispose();
            throw;
        }
    }

    /// <inheritdoc cref="GgufFile.Read(string, ScalarType, Func{int, int})"/>
    public unsafe Tensor Read(string tensor, ScalarType type, Func<int, int>? rowOrder)
    {
        GgufTensor stored = Tensors[tensor];
        using MappedFile.Held held = _mapping.Hold();
        Tensor result = empty(stored.Info.Shape, type);
        try
        {
            BlockReader.Read(stored.Blocks, (nint)held.Start + (nint)stored.Start, result, rowOrder);
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <inheritdoc cref="GgufFile.OpenRows"/>
    public unsafe GgufRows OpenRows(string tensor, ScalarType type, Func<int, int>? rowOrder)
    {
        GgufTensor stored = Tensors[tensor];
        using MappedFile.Held held = _mapping.Hold();
        BlockReader.Check(stored.Blocks, (nint)held.Start + (nint)stored.Start, type);
        return new GgufRows(stored, _mapping, rowOrder);
    }

    /// <summary>The hashes of the tensors.</summary>
    public IReadOnlyList<TensorHash> TensorHashes() => ContentHash.OfFile(
        FullPath, Tensors.Values.Select(tensor => (tensor.Info, tensor.Start, tensor.Bytes)));

    public void Dispose() => _mapping.Dispose();

    private static unsafe GgufPart Open(string path, MappedFile mapping)
    {
        string name = Path.GetFileName(path);
        using MappedFile.Held held = mapping.Hold();
        var cursor = new GgufCursor(held.Start, mapping.Length, name);
        uint magic = cursor.Number<uint>("magic number");
        if (magic != Magic)
            throw NoGguf(cursor, magic, path);
        uint version = cursor.Number<uint>("version");
        if (version is not (2 or 3))
        {
            string byteOrder = version is 0x0200_0000 or 0x0300_0000 ? " (a big-endian file)" : "";
            throw new NotSupportedException(
                $"{name}: version: found {version}{byteOrder}, supported is 2 and 3, little-endian.");
        }
        int count = GgufTensorTable.ReadCount(cursor), keys = GgufMetadata.ReadCount(cursor);
        GgufMetadata metadata = GgufMetadata.Read(cursor, keys, mapping, name);
        uint alignment = AlignmentOf(metadata, name);
        Dictionary<string, GgufTensor> tensors =
            GgufTensorTable.Read(cursor, count, alignment, (name, mapping.Length));
        long end = tensors.Values.Select(tensor => tensor.Start + tensor.Bytes).DefaultIfEmpty(cursor.Position).Max();
        return new GgufPart(path, mapping, metadata)
        {
            Tensors = tensors,
            Alignment = alignment,
            IsFollowedByAnother = BeginsAt(end) || BeginsAt((end + alignment - 1) / alignment * alignment),
        };

        bool BeginsAt(long place) => place <= mapping.Length - sizeof(uint)
            && MemoryMarshal.Read<uint>(new ReadOnlySpan<byte>(held.Start + place, sizeof(uint))) == Magic;
    }

    private static FormatException NoGguf(GgufCursor cursor, uint magic, string path)
    {
        FormatException fault = cursor.Fault("magic number", "that of a GGUF file", $"0x{magic:x8}");
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        // A base of many files, or an adapter, of which one is named.
        string advice = !Path.GetExtension(path).Equals(".gguf", StringComparison.OrdinalIgnoreCase)
            && FileHint.OfFolder(folder) is { Length: > 0 } found
            ? $" It lies in '{folder}', which is named as a whole.{found}" : "";
        return new FormatException(fault.Message + FileHint.Of(path) + advice, fault);
    }

    private static uint AlignmentOf(GgufMetadata metadata, string name)
    {
        const string Key = "general.alignment";
        return metadata.GetValueOrDefault(Key, DefaultAlignment) switch
        {
            uint number when BitOperations.IsPow2(number) => number,
            var other => throw new FormatException(
                $"{name}: key '{Key}': expected a power of two of type uint32, found {Shown(other)}."),
        };
    }

    private static string Shown(object value) =>
        value is string text ? FileText.Quote(text) : FormattableString.Invariant($"{value}");
}
