using System;
using System.IO;
using System.IO.MemoryMappedFiles;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.Win32.SafeHandles;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>A file in memory, read only. Owns the mapping; who reads it holds it by <see cref="Hold"/>.</summary>
internal sealed class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    private MappedFile(MemoryMappedFile file, MemoryMappedViewAccessor view, long length) =>
        (_file, _view, Length) = (file, view, length);

    /// <summary>Length of the file in bytes.</summary>
    public long Length { get; }

    /// <summary>Maps a file.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="FormatException">It is empty.</exception>
    public static MappedFile Open(string path)
    {
        string name = Path.GetFileName(path);
        if (!File.Exists(path))
            throw new FileNotFoundException(
                $"{name}: expected a GGUF file at '{Path.GetFullPath(path)}', found {FileHint.WithoutFile(path)}.",
                path);
        // Opened here and not by path in the mapping, so that the length is that of the file which is mapped.
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        long length = stream.Length;
        if (length == 0)
        {
            stream.Dispose();
            throw new FormatException($"{name}: expected a GGUF file, found an empty one.");
        }
        var file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read,
            HandleInheritability.None, leaveOpen: false);
        return new MappedFile(file, file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read), length);
    }

    /// <summary>
    /// Keeps the memory mapped until the result is disposed, even if the owner is disposed meanwhile.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The mapping is gone.</exception>
    public Held Hold() => new(_view.SafeMemoryMappedViewHandle);

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }

    /// <summary>The file's bytes while they are held.</summary>
    internal readonly unsafe struct Held : IDisposable
    {
        private readonly SafeMemoryMappedViewHandle _handle;

        public Held(SafeMemoryMappedViewHandle handle)
        {
            byte* start = null;
            handle.AcquirePointer(ref start);
            _handle = handle;
            Start = start;
        }

        /// <summary>First byte of the file.</summary>
        public byte* Start { get; }

        public void Dispose() => _handle.ReleasePointer();
    }
}
