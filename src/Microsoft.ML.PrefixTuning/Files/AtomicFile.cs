using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>
/// Writes a file so that its name holds the old or the new content, whole, whenever the process or the machine stops:
/// temporary file beside it, write, flush to the disk, rename over, flush the folder. Links are followed, and an
/// existing file keeps its mode. A device or a pipe has no old content and is written straight.
/// </summary>
/// <remarks>
/// SQLite, "Atomic Commit In SQLite"; a rename alone may be undone by a power loss, so the folder is flushed too.
/// </remarks>
internal static class AtomicFile
{
    private const int MostRenames = 20;

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
    /// <exception cref="InvalidOperationException">The target is a file that this process has open.</exception>
    public static void Write(string path, Action<Stream> write) => WriteAll((path, write));

    /// <summary>
    /// Writes several files that belong together: each is whole beside its target before the first one is renamed.
    /// What fails in writing leaves all former files; only a rename that fails, or a stop between two of them, leaves
    /// some new and others old.
    /// </summary>
    /// <param name="files">The targets, in the order of their renames, and what writes their content.</param>
    /// <inheritdoc cref="Write(string, Action{Stream})"/>
    public static void WriteAll(params (string Path, Action<Stream> Write)[] files)
    {
        // All are looked at before any is written.
        WriteTarget[] targets = Array.ConvertAll(files, file => WriteTarget.Of(file.Path));
        var written = new List<WrittenFile>();
        try
        {
            for (int i = 0; i < files.Length; i++)
            {
                if (!targets[i].IsDevice)
                    written.Add(WriteFile(targets[i], files[i].Write));
            }
            foreach (WrittenFile file in written)
                file.Rename();
            for (int i = 0; i < files.Length; i++)
            {
                if (targets[i].IsDevice)
                    WriteDevice(targets[i].Path, files[i].Write);
            }
        }
        finally
        {
            foreach (WrittenFile file in written)
                file.Dispose();
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
        WriteTarget target = WriteTarget.Of(path);
        // Opening a pipe would tell its reader that the text has come to an end.
        if (target.IsDevice)
            return;
        try
        {
            CheckName(target.Path);
            using FileStream probe = LockedFile.Make(() => TemporaryName.Make(target.Path));
            File.Delete(probe.Name);
        }
        catch (Exception fault) when (Translate(path, 0, fault) is { } translated)
        {
            throw translated;
        }
    }

    // The temporary file's name is shorter: only the file system knows what its own limit for the target's is.
    private static void CheckName(string path)
    {
        if (File.Exists(path))
            return;
        try
        {
            File.OpenHandle(path).Dispose();
        }
        catch (FileNotFoundException)
        {
            // It may be made.
        }
    }

    /// <summary>Writes the content beside its target; the file is the caller's.</summary>
    private static WrittenFile WriteFile(WriteTarget target, Action<Stream> write)
    {
        WrittenFile? file = null;
        long written = 0;
        try
        {
            RemoveLeftovers(target);
            file = new WrittenFile(target,
                LockedFile.Make(() => TemporaryName.Make(target.Path), target.ModeWhileWriting));
            try
            {
                write(file.Stream);
                file.Stream.Flush(flushToDisk: true);
            }
            finally
            {
                written = file.Stream.Position;
            }
            target.RestoreMode(file.Stream);
            return file;
        }
        catch (Exception fault)
        {
            file?.Dispose();
            // Faults of the content's maker, such as a cancellation, keep their kind and words.
            if (Translate(target.Given, written, fault) is { } translated)
                throw translated;
            throw;
        }
    }

    /// <summary>Hands the content on when it is whole: its maker may want to seek, which a device cannot.</summary>
    private static void WriteDevice(string device, Action<Stream> write)
    {
        using var content = new FileStream(Path.GetTempFileName(), FileMode.Open, FileAccess.ReadWrite, FileShare.None,
            bufferSize: 1 << 16, FileOptions.DeleteOnClose);
        write(content);
        content.Position = 0;
        try
        {
            using var stream = new FileStream(device, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0);
            content.CopyTo(stream);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"'{device}': writing failed. {fault.Message}", fault);
        }
    }

    private static void RemoveLeftovers(WriteTarget target)
    {
        string beginning = TemporaryName.Beginning(target.Path);
        try
        {
            foreach (string file in Directory.EnumerateFiles(target.Folder))
            {
                if (Path.GetFileName(file).StartsWith(beginning, StringComparison.Ordinal))
                    LockedFile.TryDeleteAbandoned(file);
            }
        }
        catch (UnauthorizedAccessException)
        {
            // A folder may be written that may not be listed.
        }
    }

    private static void Replace(string temporary, string target)
    {
        for (int tries = 1; ; tries++)
        {
            try
            {
                File.Move(temporary, target, overwrite: true);
                return;
            }
            // Windows refuses while another process replaces the same file at this very moment.
            catch (Exception fault) when (OperatingSystem.IsWindows() && tries < MostRenames
                && fault is IOException or UnauthorizedAccessException)
            {
                Thread.Sleep(tries);
            }
        }
    }

    private static Exception? Translate(string path, long written, Exception fault) => fault switch
    {
        DirectoryNotFoundException or FileNotFoundException or EndOfStreamException => null,
        // The latter is how .NET tells that a file would grow beyond what the file system or a quota allows.
        IOException or ArgumentOutOfRangeException { ParamName: "value" } => new IOException(
            $"'{path}': writing failed after {written} bytes; a former file is untouched. {fault.Message}", fault),
        UnauthorizedAccessException => new UnauthorizedAccessException(
            $"'{path}': cannot be written; a former file is untouched. {fault.Message}", fault),
        _ => null,
    };

    /// <summary>A file beside its target, locked while it is open: nobody takes it for a leftover.</summary>
    private sealed class WrittenFile(WriteTarget target, FileStream stream) : IDisposable
    {
        private bool _isRenamed;

        public FileStream Stream => stream;

        public void Rename()
        {
            try
            {
                Replace(stream.Name, target.Path);
                _isRenamed = true;
                if (!OperatingSystem.IsWindows())
                    UnixFiles.Flush(target.Folder);
            }
            catch (Exception fault) when (Translate(target.Given, stream.Position, fault) is { } translated)
            {
                throw translated;
            }
        }

        public void Dispose()
        {
            // What cannot be deleted has a name that the next save of the target knows.
            if (!_isRenamed)
                LockedFile.TryDelete(stream.Name);
            try
            {
                stream.Dispose();
            }
            catch (IOException) when (!_isRenamed)
            {
                // What it still held does not fit the disk either.
            }
        }
    }
}
