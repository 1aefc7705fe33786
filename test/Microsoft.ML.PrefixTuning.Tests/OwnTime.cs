using System;
using System.Runtime.InteropServices;

namespace Microsoft.ML.PrefixTuning.Tests;

/// <summary>
/// Measures processor time of the calling thread, for tests that something is quick: unlike the time on the clock it
/// does not grow while other processes, or other threads of this one, keep the cores busy.
/// </summary>
internal static partial class OwnTime
{
    private const double HundredNanoseconds = 1e-7, Nanosecond = 1e-9;

    // CLOCK_THREAD_CPUTIME_ID of Linux and of macOS.
    private static readonly int ThreadClock = OperatingSystem.IsMacOS() ? 16 : 3;

    /// <summary>Seconds of this thread's processor that an action took.</summary>
    public static double SecondsOf(Action action)
    {
        double start = Now();
        action();
        return Now() - start;
    }

    /// <summary>Processor time of this thread so far, in seconds.</summary>
    public static double Now()
    {
        if (OperatingSystem.IsWindows())
        {
            if (GetThreadTimes(GetCurrentThread(), out _, out _, out long kernel, out long user) == 0)
                throw new InvalidOperationException($"GetThreadTimes failed: {Marshal.GetLastPInvokeError()}.");
            return (kernel + user) * HundredNanoseconds;
        }
        if (ReadClock(ThreadClock, out ClockTime time) != 0)
            throw new InvalidOperationException($"clock_gettime failed: {Marshal.GetLastPInvokeError()}.");
        return time.Seconds + time.Nanoseconds * Nanosecond;
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime", SetLastError = true)]
    private static partial int ReadClock(int clock, out ClockTime time);

    [LibraryImport("kernel32", SetLastError = true)]
    private static partial int GetThreadTimes(nint thread, out long created, out long ended, out long kernel,
        out long user);

    [LibraryImport("kernel32")]
    private static partial nint GetCurrentThread();

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct ClockTime
    {
        public readonly nint Seconds;
        public readonly nint Nanoseconds;
    }
}
