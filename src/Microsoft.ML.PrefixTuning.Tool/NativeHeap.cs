using System;
using System.Runtime.InteropServices;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Tool;

/// <summary>
/// How the command's process asks for native memory. The library sets nothing of it: its host owns the process.
/// </summary>
internal static partial class NativeHeap
{
    // M_ARENA_MAX, M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of glibc's malloc.h.
    private const int ArenaMax = -8, MmapThreshold = -3, TrimThreshold = -1;
    private const int MostArenas = 2;

    // What a layer frees must not go back before the next layer asks for as much.
    private const int MostSpare = 64 << 20;

    /// <summary>
    /// Has all threads share few heaps. With one each, as glibc has it, what many threads gave back lies in as many
    /// places, and a server grows for a long time.
    /// </summary>
    /// <returns>Whether the C library has such heaps and took it.</returns>
    public static bool ShareArenas() => Set(ArenaMax, MostArenas);

    /// <summary>
    /// Has large blocks come from the system one by one and go back when they are freed, for a process that runs long:
    /// keys and values, whose sizes follow the requests. By itself glibc takes them from the heap, up to 32 MiB, once
    /// one of their size was freed; small ones that outlive them lie between then, and the heap grows. Trainings and
    /// tables make blocks of one size again and again, which are better kept, but where layers are run twice to spare
    /// memory (docs/performance.md): there the library takes up the offer. It may be set at any time of a process.
    /// </summary>
    /// <returns>Whether the C library took it.</returns>
    public static bool ReturnLargeBlocks() => LargeBlocks.OfProcess.AreReturned =
        Set(MmapThreshold, LargeBlocks.LeastBytes) && Set(TrimThreshold, MostSpare);

    /// <summary>Has the library call <see cref="ReturnLargeBlocks"/> where a training runs layers twice.</summary>
    public static void OfferLargeBlocks() => LargeBlocks.OfProcess.Offer = ReturnLargeBlocks;

    private static bool Set(int name, int value)
    {
        if (!OperatingSystem.IsLinux())
            return false;
        try
        {
            return SetOption(name, value) == 1;
        }
        catch (Exception fault) when (fault is DllNotFoundException or EntryPointNotFoundException)
        {
            // Another C library than glibc has neither the heaps nor the options.
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetOption(int name, int value);
}
