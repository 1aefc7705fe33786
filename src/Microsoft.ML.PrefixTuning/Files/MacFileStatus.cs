using System.Runtime.InteropServices;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary><see cref="FileStatus"/> by macOS' stat with inodes of 64 bits.</summary>
internal static partial class MacFileStatus
{
    private const long NanosecondsASecond = 1_000_000_000;

    /// <inheritdoc cref="FileStatus.Of"/>
    public static FileStatus? Of(string path)
    {
        // Intel's libc kept the plain name for the older layout.
        int fault = RuntimeInformation.ProcessArchitecture == Architecture.X64
            ? ReadOnIntel(path, out Fields found) : Read(path, out found);
        if (fault != 0)
            return null;
        return new FileStatus(UnixMode.Kind(found.Mode), new FileNode(found.Device, found.Inode), found.Bytes,
            found.WrittenSeconds * NanosecondsASecond + found.WrittenNanoseconds,
            found.ChangedSeconds * NanosecondsASecond + found.ChangedNanoseconds)
        {
            Born = found.BornSeconds * NanosecondsASecond + found.BornNanoseconds,
        };
    }

    [LibraryImport("libc", EntryPoint = "stat", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Read(string path, out Fields found);

    [LibraryImport("libc", EntryPoint = "stat$INODE64", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ReadOnIntel(string path, out Fields found);

    // struct stat of sys/stat.h.
    [StructLayout(LayoutKind.Explicit, Size = 144)]
    private struct Fields
    {
        [FieldOffset(0)] public uint Device;
        [FieldOffset(4)] public ushort Mode;
        [FieldOffset(8)] public ulong Inode;
        [FieldOffset(48)] public long WrittenSeconds;
        [FieldOffset(56)] public long WrittenNanoseconds;
        [FieldOffset(64)] public long ChangedSeconds;
        [FieldOffset(72)] public long ChangedNanoseconds;
        [FieldOffset(80)] public long BornSeconds;
        [FieldOffset(88)] public long BornNanoseconds;
        [FieldOffset(96)] public long Bytes;
    }
}
