using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Numerics;
using Microsoft.ML.PrefixTuning.Files;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>
/// A GGUF file of version 2 or 3, read strictly: everything in front of the data is checked when it is opened. Source:
/// the format's description in ggml's <c>docs/gguf.md</c>. Owns the mapping of the file; its metadata can be read while
/// it is open.
/// </summary>
internal sealed class GgufFile : ITensorSource
{
    private const uint Magic = 0x4655_4747, DefaultAlignment = 32; // "GGUF"

    private readonly MappedFile _mapping;
    private readonly Dictionary<string, GgufTensor> _tensors;
    private readonly string _path;

    private GgufFile(string path, MappedFile mapping, GgufMetadata metadata, Dictionary<string, GgufTensor> tensors) =>
        (_path, _mapping, Metadata, _tensors) = (path, mapping, metadata, tensors);

    public string Name => Path.GetFileName(_path);

    public IReadOnlyCollection<string> TensorNames => _tensors.Keys;

    public bool RefusesNonFinite => true;

    /// <summary>Keys and values, made when they are asked for: while the file is open.</summary>
    public IReadOnlyDictionary<string, object> Metadata { get; }

    /// <summary>Opens a file and checks all that stands in front of its data.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="FormatException">It is no GGUF file or a broken one.</exception>
    /// <exception cref="NotSupportedException">It is of another version or byte order.</exception>
    public static GgufFile Open(string path)
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

    public TensorInfo Describe(string tensor) => _tensors[tensor].Info;

    /// <inheritdoc/>
    /// <exception cref="FormatException">A value is not finite.</exception>
    /// <exception cref="NotSupportedException">Its stored type is not read here.</exception>
    public Tensor Read(string tensor, ScalarType type) => Read(tensor, type, rowOrder: null);

    /// <summary>Reads a tensor with its rows in another order.</summary>
    /// <param name="tensor">Its name.</param>
    /// <param name="type">Float32 or BFloat16.</param>
    /// <param name="rowOrder">
    /// Row r of the result is row <c>rowOrder(r)</c> of the file; null for the order of the file.
    /// </param>
    /// <inheritdoc cref="Read(string, ScalarType)"/>
    public unsafe Tensor Read(string tensor, ScalarType type, Func<int, int>? rowOrder)
    {
        GgufTensor stored = _tensors[tensor];
        using MappedFile.Held held = _mapping.Hold();
        return GgufTensorReader.Read(stored, held.Start + stored.Start, type, rowOrder);
    }

    public string ContentHash() => Checkpoints.ContentHash.Combine(Checkpoints.ContentHash.OfFile(
        _path, _tensors.Values.Select(tensor => (tensor.Info, tensor.Start, tensor.Bytes))));

    public void Dispose() => _mapping.Dispose();

    private static unsafe GgufFile Open(string path, MappedFile mapping)
    {
        string name = Path.GetFileName(path);
        using MappedFile.Held held = mapping.Hold();
        var cursor = new GgufCursor(held.Start, mapping.Length, name);
        uint magic = cursor.Number<uint>("magic number");
        if (magic != Magic)
            throw cursor.Fault("magic number", "that of a GGUF file", $"0x{magic:x8}");
        uint version = cursor.Number<uint>("version");
        if (version is not (2 or 3))
        {
            string byteOrder = version is 0x0200_0000 or 0x0300_0000 ? " (a big-endian file)" : "";
            throw new NotSupportedException(
                $"{name}: version: found {version}{byteOrder}, supported is 2 and 3, little-endian.");
        }
        int tensors = GgufTensorTable.ReadCount(cursor), keys = GgufMetadata.ReadCount(cursor);
        GgufMetadata metadata = GgufMetadata.Read(cursor, keys, mapping, name);
        uint alignment = Alignment(metadata, name);
        return new GgufFile(path, mapping, metadata,
            GgufTensorTable.Read(cursor, tensors, alignment, (name, mapping.Length)));
    }

    private static uint Alignment(GgufMetadata metadata, string name)
    {
        const string Key = "general.alignment";
        return metadata.GetValueOrDefault(Key, DefaultAlignment) switch
        {
            uint number when BitOperations.IsPow2(number) => number,
            var other =>
                throw new FormatException(
                $"{name}: key '{Key}': expected a power of two of type uint32, found {Shown(other)}."),
        };
    }

    private static string Shown(object value) => value is string text ? FileText.Quote(text) : $"{value}";
}
