using System.Runtime.InteropServices;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// The threads among which torch divides its own operators, those of GNU's OpenMP. They look for work for some
/// milliseconds after each operator: a thread of ours beside them would share its processor with one that waits.
/// </summary>
internal static unsafe class TorchTeam
{
    // The library that has loaded the OpenMP which is torch's: a process may hold others, as llama.cpp's.
    private const string Torch = "libtorch_cpu.so";

    private static readonly delegate* unmanaged<delegate* unmanaged<nint, void>, nint, uint, uint, void> s_parallel =
        (delegate* unmanaged<delegate* unmanaged<nint, void>, nint, uint, uint, void>)Export("GOMP_parallel");

    private static readonly delegate* unmanaged<int> s_place = (delegate* unmanaged<int>)Export("omp_get_thread_num");

    /// <summary>Whether torch has such threads here: with another OpenMP, as on Windows, it has not.</summary>
    public static bool IsThere => s_parallel != null && s_place != null;

    /// <summary>Does work on them and on the caller's thread, and waits for all of them.</summary>
    /// <param name="work">The work; takes as many of them as it has threads.</param>
    public static void Do(SharedWork work)
    {
        using var handle = new GCHandle<SharedWork>(work);
        // All that torch would take: a team of another size than the last one ends threads or makes them.
        s_parallel(&TakePart, GCHandle<SharedWork>.ToIntPtr(handle), 0, 0);
    }

    [UnmanagedCallersOnly]
    private static void TakePart(nint handle)
    {
        SharedWork work = GCHandle<SharedWork>.FromIntPtr(handle).Target;
        int thread = s_place();
        if (thread < work.Threads)
            work.TakePart(thread);
    }

    // As the loader finds what torch calls: first in what the process was started with (LD_PRELOAD), then in what torch
    // brings along.
    private static nint Export(string name)
    {
        if (!NativeLibrary.TryLoad(Torch, out nint torch))
            return 0;
        return NativeLibrary.TryGetExport(NativeLibrary.GetMainProgramHandle(), name, out nint place)
            || NativeLibrary.TryGetExport(torch, name, out place) ? place : 0;
    }
}
