using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>
/// Writes a file so that its name holds the old or the new content, whole, whenever the process or the machine stops:
/// temporary file beside it, write, flush to the disk, rename over, flush the folder.
/// </summary>
/// <remarks>
/// SQLite, "Atomic Commit In SQLite"; a rename alone may be undone by a power loss, so the folder is flushed too.
/// </remarks>
internal static partial class AtomicFile
{
    // Between the target's name and a number that is different each time.
    private const string TemporaryMark = ".saving-";
    private const int BufferSize = 1 << 16;

    private static readonly Lock Beginning = new();

    /// <summary>Writes <paramref name="path"/> with what <paramref name="write"/> puts into the stream.</summary>
    /// <param name="path">The target; replaced if it is there.</param>
    /// <param name="write">Writes the content; the stream can seek.</param>
    /// <exception cref="DirectoryNotFoundException">The target's folder is missing.</exception>
    /// <exception cref="IOException">
    /// Writing failed, for instance on a full disk. The former file is untouched.
    /// </exception>
    /// <exception cref="UnauthorizedAccessException">
    /// The folder cannot be written, or the target is a folder. The former file is untouched.
    /// </exception>
    public static void Write(string path, Action<Stream> write)
    {
        path = Path.GetFullPath(path);
        string folder = CheckTarget(path);
        string temporary = $"{path}{TemporaryMark}{Guid.NewGuid():n}";
        long written = 0;
        try
        {
            using (FileStream stream = Begin(folder, Path.GetFileName(path), temporary))
            {
                try
                {
                    write(stream);
                    stream.Flush(flushToDisk: true);
                }
                finally
                {
                    written = stream.Position;
                }
                // While it is open nobody takes it for a leftover; Windows renames closed files only.
                if (!OperatingSystem.IsWindows())
                    File.Move(temporary, path, overwrite: true);
            }
            if (OperatingSystem.IsWindows())
                File.Move(temporary, path, overwrite: true);
            FlushFolder(folder);
        }
        catch (Exception fault)
        {
            TryDelete(temporary);
            // Faults of the content's maker, such as a cancellation, keep their kind and words.
            if (Translate(path, written, fault) is { } translated)
                throw translated;
            throw;
        }
    }

    /// <summary>Writes bytes as <see cref="Write(string, Action{Stream})"/> does.</summary>
    /// <inheritdoc cref="Write(string, Action{Stream})"/>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        byte[] copy = content.ToArray();
        Write(path, stream => stream.Write(copy));
    }

    /// <summary>
    /// Finds out whether a later <see cref="Write(string, Action{Stream})"/> can work: makes and removes a file beside
    /// the target.
    /// </summary>
    /// <inheritdoc cref="Write(string, Action{Stream})"/>
    public static void CheckWritable(string path)
    {
        path = Path.GetFullPath(path);
        CheckTarget(path);
        string temporary = $"{path}{TemporaryMark}{Guid.NewGuid():n}";
        try
        {
            using var probe = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1,
                FileOptions.DeleteOnClose);
        }
        catch (Exception fault) when (Translate(path, 0, fault) is { } translated)
        {
            throw translated;
        }
    }

    /// <summary>Whether a file is a temporary one of a save that was cut off.</summary>
    public static bool IsLeftover(string path) =>
        Path.GetFileName(path).Contains(TemporaryMark, StringComparison.Ordinal);

    private static string CheckTarget(string path)
    {
        string? folder = Path.GetDirectoryName(path);
        if (folder is null || Directory.Exists(path))
            throw new UnauthorizedAccessException($"'{path}': expected the name of a file to write, found a folder.");
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"'{path}': its folder '{folder}' is not there.");
        return folder;
    }

    private static FileStream Begin(string folder, string name, string temporary)
    {
        // A file is created first and locked then: another thread must not look in between.
        lock (Beginning)
        {
            RemoveLeftovers(folder, name);
            return new FileStream(temporary, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, BufferSize);
        }
    }

    private static void RemoveLeftovers(string folder, string name)
    {
        foreach (string file in Directory.EnumerateFiles(folder))
        {
            if (Path.GetFileName(file).StartsWith(name + TemporaryMark, StringComparison.Ordinal) && IsAbandoned(file))
                TryDelete(file);
        }
    }

    /// <summary>Whether nobody is writing the file: another process may be saving the same target now.</summary>
    private static bool IsAbandoned(string file)
    {
        try
        {
            using var own = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1);
            return true;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static void TryDelete(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // It stays behind under its recognisable name; the next save of the target removes it.
        }
    }

    private static Exception? Translate(string path, long written, Exception fault) => fault switch
    {
        DirectoryNotFoundException or FileNotFoundException or EndOfStreamException => null,
        // The latter is how .NET tells that a file would grow beyond what the file system or a quota allows.
        IOException or ArgumentOutOfRangeException { ParamName: "value" } =>
            new IOException(
                $"'{path}': writing failed after {written} bytes; a former file is untouched. {fault.Message}", fault),
        UnauthorizedAccessException =>
            new UnauthorizedAccessException($"'{path}': cannot be written; a former file is untouched. {fault.Message}",
            fault),
        _ => null,
    };

    /// <summary>Makes the rename durable. Windows does so by itself.</summary>
    private static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;
        // .NET opens no folders. A file system that cannot flush one has nothing to flush.
        int handle = OpenFolder(folder, flags: 0);
        if (handle < 0)
            return;
        _ = FlushHandle(handle);
        _ = CloseHandle(handle);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFolder(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int FlushHandle(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int CloseHandle(int handle);
}
