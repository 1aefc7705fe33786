using System;
using System.Runtime.InteropServices;

namespace Microsoft.ML.PrefixTuning.Tool;

/// <summary>
/// How torch's threads wait in the command's process. The library sets nothing of it: its host owns the process.
/// </summary>
internal static partial class NativeThreads
{
    /// <summary>Name of the setting, which a user's own wins over.</summary>
    public const string Policy = "OMP_WAIT_POLICY";

    /// <summary>
    /// Has them sleep between two products. By themselves they look for work for some milliseconds, on processors that
    /// a server needs for its requests (docs/performance.md). To be called before torch is loaded, which reads it then.
    /// </summary>
    /// <returns>Whether it was set, here or by the user.</returns>
    public static bool SleepWhileTheyWait()
    {
        if (!OperatingSystem.IsLinux())
            return false;
        try
        {
            // The runtime keeps variables of its own; native code reads those of the C library.
            return SetVariable(Policy, "passive", overwrite: 0) == 0;
        }
        catch (Exception fault) when (fault is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
