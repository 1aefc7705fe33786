using System;
using System.Collections.Generic;
using System.Linq;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>
/// A GGUF file of version 2 or 3, or all parts of one that is split. Source: the format's description in ggml's
/// <c>docs/gguf.md</c>. Owns the mappings of its files; its metadata can be read while it is open.
/// </summary>
internal sealed class GgufFile : ITensorSource
{
    private readonly GgufPart[] _parts;
    private readonly Dictionary<string, GgufPart> _tensors = new(StringComparer.Ordinal);

    private GgufFile(GgufPart[] parts)
    {
        _parts = parts;
        foreach (GgufPart part in parts)
        {
            foreach (string tensor in part.Tensors.Keys)
                _tensors.Add(tensor, part);
        }
    }

    /// <summary>Name of the file that was named: the first part.</summary>
    public string Name => _parts[0].Name;

    public IReadOnlyCollection<string> TensorNames => _tensors.Keys;

    /// <summary>Keys and values, made when they are asked for: while the file is open.</summary>
    public IReadOnlyDictionary<string, object> Metadata => _parts[0].Metadata;

    /// <summary>What tensors' offsets are a multiple of, in bytes; of several files the smallest.</summary>
    public uint Alignment => _parts.Min(part => part.Alignment);

    /// <summary>
    /// Opens a file, with its other parts where it is split, and checks all that stands in front of the data.
    /// </summary>
    /// <exception cref="System.IO.FileNotFoundException">There is no such file, or a part is missing.</exception>
    /// <exception cref="FormatException">It is no GGUF file, a broken one, or a later part of one.</exception>
    /// <exception cref="NotSupportedException">It is of another version or byte order.</exception>
    public static GgufFile Open(string path)
    {
        GgufPart first = GgufPart.Open(path);
        try
        {
            return new GgufFile([first, .. GgufSplit.OpenOthers(first)]);
        }
        catch
        {
            first.Dispose();
            throw;
        }
    }

    public TensorInfo Describe(string tensor) => _tensors[tensor].Tensors[tensor].Info;

    /// <inheritdoc/>
    /// <exception cref="FormatException">A value is not finite.</exception>
    /// <exception cref="NotSupportedException">Its stored type is not read here.</exception>
    public Tensor Read(string tensor, ScalarType type) => Read(tensor, type, rowOrder: null);

    public Tensor ReadFinite(string tensor, ScalarType type) => Read(tensor, type);

    /// <summary>Reads a tensor with its rows in another order.</summary>
    /// <param name="tensor">Its name.</param>
    /// <param name="type">Float32 or BFloat16.</param>
    /// <param name="rowOrder">
    /// Row r of the result is row <c>rowOrder(r)</c> of the file; null for the order of the file.
    /// </param>
    /// <inheritdoc cref="Read(string, ScalarType)"/>
    public Tensor Read(string tensor, ScalarType type, Func<int, int>? rowOrder) =>
        _tensors[tensor].Read(tensor, type, rowOrder);

    /// <summary>The rows of a tensor, left in the file, each value looked at once.</summary>
    /// <inheritdoc cref="Read(string, ScalarType, Func{int, int}?)"/>
    public GgufRows OpenRows(string tensor, ScalarType type, Func<int, int>? rowOrder) =>
        _tensors[tensor].OpenRows(tensor, type, rowOrder);

    public string ContentHash() => Checkpoints.ContentHash.Combine(_parts.SelectMany(part => part.TensorHashes()));

    public void Dispose()
    {
        foreach (GgufPart part in _parts)
            part.Dispose();
    }
}
