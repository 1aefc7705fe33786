using System.Runtime.InteropServices;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary><see cref="FileStatus"/> by Linux's statx, whose layout is the same on every processor.</summary>
internal static partial class LinuxFileStatus
{
    private const int WorkingFolder = -100;
    private const uint BasicFieldsAndBirth = 0xfff;
    private const long NanosecondsASecond = 1_000_000_000;

    /// <inheritdoc cref="FileStatus.Of"/>
    public static FileStatus? Of(string path)
    {
        if (Read(WorkingFolder, path, flags: 0, BasicFieldsAndBirth, out Fields found) != 0)
            return null;
        var node = new FileNode((ulong)found.Major << 32 | found.Minor, found.Inode);
        return new FileStatus(UnixMode.Kind(found.Mode), node, found.Bytes,
            found.WrittenSeconds * NanosecondsASecond + found.WrittenNanoseconds,
            found.ChangedSeconds * NanosecondsASecond + found.ChangedNanoseconds)
        {
            Born = found.BornSeconds * NanosecondsASecond + found.BornNanoseconds,
        };
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Read(int folder, string path, int flags, uint fields, out Fields found);

    // struct statx of linux/stat.h.
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Fields
    {
        [FieldOffset(28)] public ushort Mode;
        [FieldOffset(32)] public ulong Inode;
        [FieldOffset(40)] public long Bytes;
        [FieldOffset(80)] public long BornSeconds;
        [FieldOffset(88)] public uint BornNanoseconds;
        [FieldOffset(96)] public long ChangedSeconds;
        [FieldOffset(104)] public uint ChangedNanoseconds;
        [FieldOffset(112)] public long WrittenSeconds;
        [FieldOffset(120)] public uint WrittenNanoseconds;
        [FieldOffset(136)] public uint Major;
        [FieldOffset(140)] public uint Minor;
    }
}

/// <summary>The part of a Unix mode that says what a thing is.</summary>
internal static class UnixMode
{
    private const int KindBits = 0xf000, Folder = 0x4000, File = 0x8000;

    /// <summary>The kind that a mode names.</summary>
    public static FileKind Kind(ushort mode) => (mode & KindBits) switch
    {
        File => FileKind.File,
        Folder => FileKind.Folder,
        _ => FileKind.Device,
    };
}
