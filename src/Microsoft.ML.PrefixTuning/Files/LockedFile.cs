using System;
using System.IO;
using Microsoft.Win32.SafeHandles;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>
/// A file that one process works on, locked while it does, so that others can tell that it lives: what a dead one left
/// can be locked.
/// </summary>
internal static class LockedFile
{
    private const int MostTries = 100;
    private const int BufferSize = 1 << 16;

    // On Windows a lock is what is not shared, and an open file is renamed or deleted only where that is.
    private static readonly FileShare Sharing = OperatingSystem.IsWindows() ? FileShare.Delete : FileShare.None;

    /// <summary>Makes a file and locks it, before anybody can take it for a dead one's.</summary>
    /// <param name="name">Makes a path that nobody else has; asked again where the file was taken away at once.</param>
    /// <param name="mode">Who may use it on Unix; null for the process' default.</param>
    /// <exception cref="IOException">It cannot be made, or the file system tells of locks that nobody has.</exception>
    public static FileStream Make(Func<string> name, UnixFileMode? mode = null) =>
        Make(name, mode, UnixFiles.TryLock);

    /// <inheritdoc cref="Make(Func{string}, UnixFileMode?)"/>
    /// <param name="name">Makes a path that nobody else has; asked again where the file was taken away at once.</param>
    /// <param name="mode">Who may use it on Unix; null for the process' default.</param>
    /// <param name="tryLock">Locks on Unix; null where there are no locks.</param>
    internal static FileStream Make(Func<string> name, UnixFileMode? mode, Func<SafeFileHandle, bool?> tryLock)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = Sharing,
            BufferSize = BufferSize,
        };
        if (mode is not null && !OperatingSystem.IsWindows())
            options.UnixCreateMode = mode;
        for (int tries = 0; tries < MostTries; tries++)
        {
            // Who looks for dead ones' files may find it between its making and its locking, and deletes it.
            if (TryMake(name(), options, tryLock) is { } stream)
                return stream;
        }
        throw new IOException($"the file system of '{Path.GetDirectoryName(name())}' is without locks that work: "
            + "a new file there is always locked by somebody else.");
    }

    /// <summary>Takes over a file if nobody works on it. Without locks nobody knows, and it is left alone.</summary>
    /// <returns>The file, locked, or null.</returns>
    public static FileStream? TryTakeAbandoned(string path) => TryTakeAbandoned(path, UnixFiles.TryLock);

    private static FileStream? TryTakeAbandoned(string path, Func<SafeFileHandle, bool?> tryLock)
    {
        try
        {
            var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, Sharing, bufferSize: 1);
            if (OperatingSystem.IsWindows() || tryLock(file.SafeFileHandle) == true)
                return file;
            file.Dispose();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // Somebody works on it, it is another user's, or it is gone.
        }
        return null;
    }

    /// <summary>Deletes a file if nobody works on it.</summary>
    /// <returns>Whether it did.</returns>
    public static bool TryDeleteAbandoned(string path) => TryDeleteAbandoned(path, UnixFiles.TryLock);

    /// <inheritdoc cref="TryDeleteAbandoned(string)"/>
    /// <param name="path">The file.</param>
    /// <param name="tryLock">Locks on Unix; null where there are no locks.</param>
    internal static bool TryDeleteAbandoned(string path, Func<SafeFileHandle, bool?> tryLock)
    {
        using FileStream? file = TryTakeAbandoned(path, tryLock);
        // While it is locked: whoever has just made it sees that it is lost.
        return file is not null && TryDelete(path);
    }

    /// <summary>Deletes a file, or leaves it where the system wants it to stay.</summary>
    /// <returns>Whether it is gone.</returns>
    public static bool TryDelete(string path)
    {
        try
        {
            File.Delete(path);
            return true;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>
    /// Whether a file that was opened is what its path leads to still: between its opening and its locking others may
    /// have deleted it, and made another one.
    /// </summary>
    public static bool IsInPlace(FileStream file) => OperatingSystem.IsWindows()
        ? File.Exists(file.Name)
        : FileStatus.Of(file.Name) is { } there
            && FileStatus.Of($"/dev/fd/{file.SafeFileHandle.DangerousGetHandle()}")?.Node == there.Node;

    private static FileStream? TryMake(string path, FileStreamOptions options,
        Func<SafeFileHandle, bool?> tryLock)
    {
        FileStream stream;
        try
        {
            stream = new FileStream(path, options);
        }
        catch (IOException fault) when (!OperatingSystem.IsWindows() && UnixFiles.IsHeld(fault.HResult))
        {
            return null;
        }
        // .NET locks where it can and does not say whether it could.
        bool isLost = !OperatingSystem.IsWindows() && tryLock(stream.SafeFileHandle) == false;
        if (!isLost && IsInPlace(stream))
            return stream;
        stream.Dispose();
        return null;
    }
}
