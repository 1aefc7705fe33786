using System;
using System.Runtime.InteropServices;

namespace Microsoft.ML.PrefixTuning.Tool;

/// <summary>
/// How the command's process asks for native memory. The library sets nothing of it: its host owns the process.
/// </summary>
internal static partial class NativeHeap
{
    // M_ARENA_MAX of glibc's malloc.h.
    private const int ArenaMax = -8;
    private const int MostArenas = 2;

    /// <summary>
    /// Has all threads share few heaps. With one each, as glibc has it, what many threads gave back lies in as many
    /// places, and a server grows for a long time.
    /// </summary>
    public static void ShareArenas()
    {
        if (!OperatingSystem.IsLinux())
            return;
        try
        {
            _ = SetOption(ArenaMax, MostArenas);
        }
        catch (Exception fault) when (fault is DllNotFoundException or EntryPointNotFoundException)
        {
            // Another C library than glibc has neither the arenas nor the option.
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetOption(int name, int value);
}
