using System;
using System.IO;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>What a write is to replace: the file at the end of all links, or a device.</summary>
internal sealed class WriteTarget
{
    private const int MostLooks = 100;

    private readonly UnixFileMode? _mode;

    private WriteTarget(string given, string path, bool isDevice, UnixFileMode? mode) =>
        (Given, Path, IsDevice, _mode) = (given, path, isDevice, mode);

    /// <summary>The path as the caller gave it, absolute.</summary>
    public string Given { get; }

    /// <summary>The file itself, links followed.</summary>
    public string Path { get; }

    /// <summary>The folder that it lies in.</summary>
    public string Folder => System.IO.Path.GetDirectoryName(Path)!;

    /// <summary>Whether it is a device, a pipe or a socket, which cannot be replaced.</summary>
    public bool IsDevice { get; }

    /// <summary>Who may use the new file before it is whole: nobody who could not read the former one.</summary>
    public UnixFileMode? ModeWhileWriting => _mode | UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>The target of a path.</summary>
    /// <exception cref="DirectoryNotFoundException">Its folder is missing.</exception>
    /// <exception cref="UnauthorizedAccessException">It is a folder.</exception>
    /// <exception cref="IOException">Links lead in a circle, or to a file that has no name.</exception>
    /// <exception cref="InvalidOperationException">It is a file that this process has open.</exception>
    public static WriteTarget Of(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        FileStatus? status = FileStatus.Of(path);
        // Asked for before links are followed: /dev/stdout leads to a pipe that has no name.
        if (status?.Kind == FileKind.Device)
            return new WriteTarget(path, path, isDevice: true, null);
        string target = Follow(path);
        if (status?.Kind == FileKind.Folder || System.IO.Path.GetDirectoryName(target) is not { } folder)
            throw new UnauthorizedAccessException($"'{path}': expected the name of a file to write, found a folder.");
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"'{path}': its folder '{folder}' is not there.");
        FilesInUse.Refuse(path);
        return new WriteTarget(path, target, isDevice: false,
            status is null || OperatingSystem.IsWindows() ? null : File.GetUnixFileMode(target));
    }

    /// <summary>Makes a folder that files are to be written into, where it is not there yet.</summary>
    /// <exception cref="IOException">It cannot be made; a file of its name, or on the way to it, is named.</exception>
    public static void MakeFolder(string path)
    {
        for (string? part = System.IO.Path.GetFullPath(path); part is not null;
            part = System.IO.Path.GetDirectoryName(part))
        {
            if (File.Exists(part))
                throw new IOException($"'{path}': expected the name of a folder, found that '{part}' is a file.");
        }
        Directory.CreateDirectory(path);
    }

    /// <summary>Gives the new file the mode of the former one.</summary>
    public void RestoreMode(FileStream stream)
    {
        // File systems without modes show one and refuse to set it.
        if (_mode is { } mode && !OperatingSystem.IsWindows() && File.GetUnixFileMode(stream.SafeFileHandle) != mode)
            File.SetUnixFileMode(stream.SafeFileHandle, mode);
    }

    private static string Follow(string path)
    {
        if (!LinkedPath.IsLink(path))
            return path;
        return LinkedPath.Follow(path) is { } target && IsSame(path, target) ? target : throw new IOException(
            $"'{path}': expected a file or a link to one, found links that cannot be followed to a file's name.");
    }

    /// <summary>Whether the system takes both paths for one. Others may be replacing the file at this moment.</summary>
    private static bool IsSame(string path, string target)
    {
        for (int tries = 0; tries < MostLooks; tries++)
        {
            if (FileStatus.Of(path)?.Node == FileStatus.Of(target)?.Node)
                return true;
        }
        return false;
    }
}
