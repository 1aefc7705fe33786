using System;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>What the file system says of the thing that a path leads to, links followed to their end.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Node">Which one it is.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Written">When its content was written last, in ticks of the file system's clock.</param>
/// <param name="Changed">
/// When its content, mode or names were changed last, in the same ticks. A program can set <paramref name="Written"/>
/// back as it likes, this one it cannot.
/// </param>
internal readonly record struct FileStatus(FileKind Kind, FileNode Node, long Bytes, long Written, long Changed)
{
    /// <summary>
    /// When it was made, in the same ticks; 0 where the file system does not say. With it a file is told from a later
    /// one that took its number.
    /// </summary>
    public long Born { get; init; }

    /// <summary>The status as it is now; null where nothing is there, or where it may not be looked at.</summary>
    public static FileStatus? Of(string path) =>
        OperatingSystem.IsWindows() ? WindowsFileStatus.Of(path)
        : OperatingSystem.IsMacOS() ? MacFileStatus.Of(path)
        : LinuxFileStatus.Of(path);
}

/// <summary>Kinds of things that a path leads to.</summary>
internal enum FileKind
{
    /// <summary>A plain file.</summary>
    File,

    /// <summary>A folder.</summary>
    Folder,

    /// <summary>A device, a pipe or a socket.</summary>
    Device,
}

/// <summary>Which file it is on this machine, whatever its names: hard links share one.</summary>
/// <param name="Device">The file system: its device, or its volume's serial number.</param>
/// <param name="Number">The file on it: its inode, or its file id.</param>
internal readonly record struct FileNode(ulong Device, UInt128 Number);
