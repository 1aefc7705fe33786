using System;
using System.Runtime.InteropServices;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Tool;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>What a child process tells of its native memory, whose settings are the whole process's.</summary>
internal static unsafe class NativeHeapChild
{
    /// <summary>Verb: sets the heap up as a server does, and tells of each setting whether it was taken.</summary>
    public const string SetUp = "set-up-native-heap";

    /// <summary>Verb: the same, and then where large and small blocks come from.</summary>
    public const string Allocate = "allocate-native-memory";

    /// <summary>
    /// Verb: runs the command, with its own arguments behind, and then tells in a last line how it ended and what
    /// became of large blocks.
    /// </summary>
    public const string RunCommand = "run-command-and-tell-native-memory";

    private const int Large = 8 << 20, Small = 1 << 20;

    // More than a heap has free behind a training of a tiny base, and less than what glibc never keeps (32 MiB).
    private const int VeryLarge = 24 << 20;

    // Bit of the size in front of a block of glibc's (IS_MMAPPED of its malloc.c).
    private const nuint Mapped = 2;

    public static void TellSettings() => Console.WriteLine(
        $"shared {NativeHeap.ShareArenas()} returned {NativeHeap.ReturnLargeBlocks()}"
        + " waits "
        + (NativeThreads.SleepWhileTheyWait() ? Marshal.PtrToStringUTF8(Variable(NativeThreads.Policy)) : ""));

    public static void TellBlocks()
    {
        TellSettings();
        // By itself glibc takes the second one from the heap, since one of its size was freed.
        for (int round = 0; round < 2; round++)
            Console.WriteLine($"large {Comes(Large)} small {Comes(Small)}");
    }

    public static void TellBlocksBehind(string[] command)
    {
        int code = PrefixTuning.Tool.Program.Main(command);
        // As above: the second one tells.
        _ = Comes(VeryLarge);
        Console.WriteLine($"{code} {(LargeBlocks.OfProcess.AreReturned ? "returned" : "kept")} {Comes(VeryLarge)}");
    }

    [DllImport("libc", EntryPoint = "getenv")]
    private static extern nint Variable([MarshalAs(UnmanagedType.LPUTF8Str)] string name);

    private static string Comes(int bytes)
    {
        void* block = NativeMemory.Alloc((nuint)bytes);
        string place = (((nuint*)block)[-1] & Mapped) != 0 ? "mapped" : "heap";
        NativeMemory.Free(block);
        return place;
    }
}
