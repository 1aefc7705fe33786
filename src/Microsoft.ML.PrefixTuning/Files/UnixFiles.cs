using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>What .NET does not offer of Unix' files.</summary>
internal static partial class UnixFiles
{
    private const int Exclusive = 2, WithoutWaiting = 4;

    // EWOULDBLOCK of Linux and of macOS.
    private const int HeldOnLinux = 11, HeldOnMac = 35;

    /// <summary>Takes the lock of an open file.</summary>
    /// <returns>Whether nobody else has it; null where the file system has no locks.</returns>
    public static bool? TryLock(SafeFileHandle file) =>
        Lock(file, Exclusive | WithoutWaiting) == 0 ? true : IsHeld(Marshal.GetLastPInvokeError()) ? false : null;

    /// <summary>Whether an error number says that somebody else has the lock.</summary>
    public static bool IsHeld(int error) => error is HeldOnLinux or HeldOnMac;

    /// <summary>
    /// Makes what was made, renamed and deleted in a folder durable. A file system that cannot has nothing to flush.
    /// </summary>
    public static void Flush(string folder)
    {
        int handle = Open(folder, flags: 0);
        if (handle < 0)
            return;
        _ = Flush(handle);
        _ = Close(handle);
    }

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Lock(SafeFileHandle file, int operation);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Flush(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);
}
