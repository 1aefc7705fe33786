using System;
using System.Runtime.InteropServices;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>How the command asks for native memory, in a process of its own.</summary>
[TestClass]
public sealed class NativeHeapTests
{
    [TestMethod]
    public void Settings_OfTheHeap_AreTakenByGlibcAndLeftAloneElsewhere()
    {
        bool isGlibc = IsGlibc();
        // A user's own setting stays.
        string waits = !OperatingSystem.IsLinux() ? ""
            : Environment.GetEnvironmentVariable(NativeThreads.Policy) ?? "passive";
        Assert.AreEqual($"shared {isGlibc} returned {isGlibc} waits {waits}",
            ChildProcess.Run(NativeHeapChild.SetUp).TrimEnd('\r', '\n'));
    }

    [TestMethod]
    public void ReturnLargeBlocks_OfAServer_KeepsThemOutOfTheHeap()
    {
        if (!IsGlibc())
            Assert.Inconclusive("Where a block comes from is read as glibc notes it.");
        string[] lines = ChildProcess.Run(NativeHeapChild.Allocate).TrimEnd().Split('\n');
        CollectionAssert.AreEqual(new[] { "large mapped small heap", "large mapped small heap" }, lines[1..]);
    }

    /// <summary>Whether the C library is glibc.</summary>
    internal static bool IsGlibc()
    {
        if (!OperatingSystem.IsLinux() || !NativeLibrary.TryLoad("libc.so.6", out nint library))
            return false;
        try
        {
            return NativeLibrary.TryGetExport(library, "gnu_get_libc_version", out _);
        }
        finally
        {
            NativeLibrary.Free(library);
        }
    }
}
