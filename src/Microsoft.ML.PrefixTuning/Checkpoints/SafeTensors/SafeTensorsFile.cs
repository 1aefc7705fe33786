using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.Win32.SafeHandles;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;

/// <summary>
/// A safetensors file. Its tensors are views of the mapped file where they lie at multiples of their element size,
/// copies where not; views outlive this object, share the page cache with other processes, and stay as they are while
/// the file is replaced by a rename.
/// </summary>
internal sealed class SafeTensorsFile : ITensorSource
{
    // A span holds less than 2 GiB.
    private const int LargestRead = 1 << 30;

    private readonly string _path;
    private readonly FileStatus? _status;
    private readonly SafeFileHandle _handle;
    private readonly SafeTensorsHeader _header;
    private readonly Dictionary<ScalarType, Tensor> _maps = [];

    private SafeTensorsFile(string path, string name, FileStatus? status, SafeFileHandle handle,
        SafeTensorsHeader header) =>
        (_path, Name, _status, _handle, _header) = (path, name, status, handle, header);

    public string Name { get; }

    public IReadOnlyCollection<string> TensorNames => _header.Entries.Keys;

    /// <summary>The texts of <c>__metadata__</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>Opens a file and checks its header; no tensor is read.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">Its name for messages, or null for that of the path.</param>
    /// <exception cref="FileNotFoundException">The file is missing.</exception>
    /// <exception cref="FormatException">The file breaks a rule of the format.</exception>
    /// <exception cref="NotSupportedException">The file is a pickle.</exception>
    public static SafeTensorsFile Open(string path, string? name = null)
    {
        path = Path.GetFullPath(path);
        name ??= Path.GetFileName(path);
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"{name}: expected a file in '{Path.GetDirectoryName(path)}', found "
                + $"{FileHint.WithoutFile(path)}.", path);
        }
        FileStatus? status = FileStatus.Of(path);
        SafeFileHandle handle = File.OpenHandle(path);
        try
        {
            long length = RandomAccess.GetLength(handle);
            Span<byte> start = stackalloc byte[SafeTensorsHeader.LengthBytes];
            start = start[..(int)Math.Min(start.Length, length)];
            ReadExactly(handle, start, 0, name);
            byte[] json = new byte[SafeTensorsHeader.ReadLength(start, length, name)];
            ReadExactly(handle, json, SafeTensorsHeader.LengthBytes, name);
            return new SafeTensorsFile(path, name, status, handle, SafeTensorsHeader.Parse(json, length, name));
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    public TensorInfo Describe(string tensor) => Entry(tensor).Info;

    public Tensor Read(string tensor, ScalarType type)
    {
        Tensor stored = ReadStored(tensor);
        if (stored.dtype == type)
            return stored;
        using (stored)
            return stored.to(type);
    }

    /// <inheritdoc cref="ITensorSource.ReadFinite"/>
    public Tensor ReadFinite(string tensor, ScalarType type)
    {
        if (Blocks(tensor, type) is not var (shape, start))
        {
            Tensor stored = Read(tensor, type);
            if (FiniteCheck.AllFinite(stored))
                return stored;
            stored.Dispose();
            throw FiniteCheck.Fault(Entry(tensor).Info);
        }
        Tensor read = empty(Entry(tensor).Info.Shape, type);
        try
        {
            BlockReader.Read(shape, start, read);
            return read;
        }
        catch
        {
            read.Dispose();
            throw;
        }
    }

    /// <summary>The rows of a matrix of another type than is asked for, left in the file.</summary>
    /// <inheritdoc cref="ITensorSource.OpenRows"/>
    public IStoredRows? OpenRows(string tensor, ScalarType type)
    {
        if (Blocks(tensor, type) is not var (shape, start))
            return null;
        BlockReader.Check(shape, start, type);
        return new MappedRows(shape, start);
    }

    /// <summary>
    /// Reads a tensor in the type in which it is stored; the caller's to dispose, and never to be written.
    /// </summary>
    /// <exception cref="NotSupportedException">torch has no such type.</exception>
    public Tensor ReadStored(string tensor)
    {
        SafeTensorsEntry entry = Entry(tensor);
        if (entry.Type.Tensor is not ScalarType type)
            throw new NotSupportedException(
                $"{Name}: tensor {FileText.Quote(tensor)}: dtype {entry.Type.Name} is not read here.");
        long begin = _header.DataBegin + entry.Begin, bytes = entry.End - entry.Begin;
        if (bytes == 0)
            return empty(entry.Info.Shape, type);
        if (begin % entry.Type.Bytes != 0)
            return Copy(entry, type, begin);
        using Tensor flat = Map(type, entry.Type.Bytes).narrow(0, begin / entry.Type.Bytes, bytes / entry.Type.Bytes);
        return flat.view(entry.Info.Shape);
    }

    public string ContentHash() => Checkpoints.ContentHash.Combine(TensorHashes());

    /// <summary>The hash of each tensor's bytes, computed once a file and process.</summary>
    public IReadOnlyList<TensorHash> TensorHashes() => Checkpoints.ContentHash.OfFile(_path,
        _header.Entries.Values.Select(entry => (entry.Info, _header.DataBegin + entry.Begin, entry.End - entry.Begin)));

    public void Dispose()
    {
        foreach (Tensor map in _maps.Values)
            map.Dispose();
        _maps.Clear();
        _handle.Dispose();
    }

    private SafeTensorsEntry Entry(string tensor) =>
        _header.Entries.TryGetValue(tensor, out SafeTensorsEntry? entry) ? entry
        : throw new FormatException($"{Name}: tensor {FileText.Quote(tensor)} is missing.");

    /// <summary>
    /// Where a tensor lies in the mapped file as rows to be converted; null where it need not be, or cannot be so.
    /// </summary>
    private unsafe (BlockShape Shape, nint Start)? Blocks(string tensor, ScalarType type)
    {
        SafeTensorsEntry entry = Entry(tensor);
        long begin = _header.DataBegin + entry.Begin;
        if (entry.Type.Tensor is not { } stored || stored == type || entry.End == entry.Begin
            || begin % entry.Type.Bytes != 0 || GgufType.Find(entry.Type.Name) is not { Decode: not null } format)
            return null;
        long[] shape = entry.Info.Shape;
        long columns = shape is [] ? 1 : shape[^1], rows = (entry.End - entry.Begin) / entry.Type.Bytes / columns;
        if (columns > int.MaxValue || rows > int.MaxValue)
            return null;
        // The memory is torch's, and the file's as long as it is open: it does not move.
        using Tensor first = Map(stored, entry.Type.Bytes).narrow(0, begin / entry.Type.Bytes, 1);
        fixed (byte* start = first.bytes)
            return (new BlockShape(entry.Info.What, format, (int)rows, (int)columns), (nint)start);
    }

    /// <summary>The whole file as elements of one type, private to this process.</summary>
    private Tensor Map(ScalarType type, int elementBytes)
    {
        if (_maps.TryGetValue(type, out Tensor? map))
            return map;
        try
        {
            map = from_file(_path, shared: false, size: RandomAccess.GetLength(_handle) / elementBytes, dtype: type);
        }
        catch (ExternalException fault)
        {
            throw new IOException($"{Name}: the file cannot be mapped into memory.", fault);
        }
        _maps.Add(type, map.DetachFromDisposeScope());
        // The path was opened a second time: it must still be the file whose header was checked.
        if (FileStatus.Of(_path) != _status)
            throw new IOException($"{Name}: the file was replaced while it was read.");
        return map;
    }

    private Tensor Copy(SafeTensorsEntry entry, ScalarType type, long begin)
    {
        Tensor copy = empty(entry.Info.Shape, type);
        try
        {
            using Tensor flat = copy.view(-1);
            long step = LargestRead / entry.Type.Bytes, count = flat.numel();
            for (long i = 0; i < count; i += step)
            {
                using Tensor part = flat.narrow(0, i, Math.Min(step, count - i));
                ReadExactly(_handle, part.bytes, begin + i * entry.Type.Bytes, Name);
            }
            return copy;
        }
        catch
        {
            copy.Dispose();
            throw;
        }
    }

    private static void ReadExactly(SafeFileHandle handle, Span<byte> target, long offset, string name)
    {
        while (target.Length > 0)
        {
            int read = RandomAccess.Read(handle, target, offset);
            if (read == 0)
                throw new FormatException($"{name}: the file became shorter while it was read.");
            target = target[read..];
            offset += read;
        }
    }

    /// <summary>Rows in a mapped file, which is open.</summary>
    private sealed class MappedRows(BlockShape shape, nint start) : IStoredRows
    {
        public long Rows => shape.Rows;

        public long Columns => shape.Elements;

        public void Widen(Func<int, int> rowOf, Tensor target) => BlockReader.Widen(shape, start, target, rowOf);
    }
}
