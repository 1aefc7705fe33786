using System;
using System.IO;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary><see cref="FileStatus"/> by a handle that neither reads nor keeps anybody from doing so.</summary>
internal static partial class WindowsFileStatus
{
    private const string Devices = @"\\.\";
    private const int OpenExisting = 3;
    // A folder is opened with this flag only.
    private const int BackupSemantics = 0x02000000;
    private const int BasicClass = 0, IdClass = 18;

    /// <inheritdoc cref="FileStatus.Of"/>
    public static FileStatus? Of(string path)
    {
        path = Path.GetFullPath(path);
        if (path.StartsWith(Devices, StringComparison.Ordinal))
            return new FileStatus(FileKind.Device, default, 0, 0, 0);
        using SafeFileHandle handle = Open(path, access: 0, FileShare.ReadWrite | FileShare.Delete, 0, OpenExisting,
            BackupSemantics, 0);
        if (handle.IsInvalid || !Read(handle, out HandleFields found))
            return null;
        bool isFolder = ((FileAttributes)found.Attributes).HasFlag(FileAttributes.Directory);
        long written = (long)found.WrittenHigh << 32 | found.WrittenLow;
        // File systems without wide ids or change times, such as FAT, have the narrow ones alone.
        FileNode node = ReadId(handle, IdClass, out IdFields id, Marshal.SizeOf<IdFields>())
            ? new FileNode(id.Volume, id.Id) : new FileNode(found.Volume, (ulong)found.IdHigh << 32 | found.IdLow);
        bool isTold = ReadBasic(handle, BasicClass, out BasicFields basic, Marshal.SizeOf<BasicFields>());
        return new FileStatus(isFolder ? FileKind.Folder : FileKind.File, node,
            (long)found.BytesHigh << 32 | found.BytesLow, written, isTold ? basic.Changed : written)
        {
            Born = isTold ? basic.Created : 0,
        };
    }

    [LibraryImport("kernel32", EntryPoint = "CreateFileW", StringMarshalling = StringMarshalling.Utf16)]
    private static partial SafeFileHandle Open(string path, int access, FileShare share, nint security, int mode,
        int flags, nint template);

    [LibraryImport("kernel32", EntryPoint = "GetFileInformationByHandle")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool Read(SafeFileHandle handle, out HandleFields found);

    [LibraryImport("kernel32", EntryPoint = "GetFileInformationByHandleEx")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool ReadId(SafeFileHandle handle, int kind, out IdFields found, int bytes);

    [LibraryImport("kernel32", EntryPoint = "GetFileInformationByHandleEx")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool ReadBasic(SafeFileHandle handle, int kind, out BasicFields found, int bytes);

    // BY_HANDLE_FILE_INFORMATION.
    [StructLayout(LayoutKind.Explicit, Size = 52)]
    private struct HandleFields
    {
        [FieldOffset(0)] public uint Attributes;
        [FieldOffset(20)] public uint WrittenLow;
        [FieldOffset(24)] public uint WrittenHigh;
        [FieldOffset(28)] public uint Volume;
        [FieldOffset(32)] public uint BytesHigh;
        [FieldOffset(36)] public uint BytesLow;
        [FieldOffset(44)] public uint IdHigh;
        [FieldOffset(48)] public uint IdLow;
    }

    // FILE_ID_INFO.
    [StructLayout(LayoutKind.Sequential)]
    private struct IdFields
    {
        public ulong Volume;
        public ulong IdLow;
        public ulong IdHigh;

        public readonly UInt128 Id => new(IdHigh, IdLow);
    }

    // FILE_BASIC_INFO.
    [StructLayout(LayoutKind.Sequential)]
    private struct BasicFields
    {
        public long Created;
        public long Read;
        public long Written;
        public long Changed;
        public uint Attributes;
    }
}
