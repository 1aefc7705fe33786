using System;
using System.Collections.Concurrent;
using System.IO;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>
/// A temporary folder that only this user can read. It is deleted when it is disposed, at the latest when the process
/// ends; what a killed process left is deleted when the next such folder is made at the same place.
/// </summary>
internal sealed class PrivateFolder : IDisposable
{
    private const string NameBeginning = "prefix-tuning-base-";
    // Beside the folder, made before and deleted after it: there is no folder that no lock tells of.
    private const string LockEnding = ".lock";
    private const UnixFileMode OwnFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnFolder = OwnFile | UnixFileMode.UserExecute;

    private static readonly ConcurrentDictionary<PrivateFolder, bool> Living = new();

    private readonly FileStream _lock;

    static PrivateFolder() => AppDomain.CurrentDomain.ProcessExit += (_, _) => DisposeAll();

    private PrivateFolder(FileStream held) => (_lock, Path) = (held, held.Name[..^LockEnding.Length]);

    /// <summary>The folder, empty at first.</summary>
    public string Path { get; }

    /// <summary>Makes a folder.</summary>
    /// <param name="place">The folder around it, or null for the system's place of temporary files.</param>
    /// <exception cref="IOException">It cannot be made there.</exception>
    /// <exception cref="UnauthorizedAccessException">Nothing may be written there.</exception>
    public static PrivateFolder Make(string? place)
    {
        place = System.IO.Path.GetFullPath(place ?? System.IO.Path.GetTempPath());
        DeleteAbandoned(place);
        FileStream held = LockedFile.Make(
            () => System.IO.Path.Combine(place, $"{NameBeginning}{Guid.NewGuid():N}{LockEnding}"), OwnFile);
        var folder = new PrivateFolder(held);
        Living.TryAdd(folder, true);
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder.Path);
        else
            Directory.CreateDirectory(folder.Path, OwnFolder);
        return folder;
    }

    public void Dispose()
    {
        if (Living.TryRemove(this, out _))
            Delete(Path, _lock);
    }

    private static void DisposeAll()
    {
        foreach (PrivateFolder folder in Living.Keys)
            folder.Dispose();
    }

    private static void DeleteAbandoned(string place)
    {
        foreach (string file in Directory.EnumerateFiles(place, $"{NameBeginning}*{LockEnding}"))
        {
            if (LockedFile.TryTakeAbandoned(file) is { } taken)
                Delete(file[..^LockEnding.Length], taken);
        }
    }

    private static void Delete(string folder, FileStream held)
    {
        using (held)
        {
            try
            {
                if (Directory.Exists(folder))
                    Directory.Delete(folder, recursive: true);
                File.Delete(held.Name);
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                // Windows keeps what is mapped. With its lock left behind the next process deletes it.
            }
        }
    }
}
