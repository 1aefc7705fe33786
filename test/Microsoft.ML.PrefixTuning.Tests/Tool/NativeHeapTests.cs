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

    /// <summary>The library asks for them, and the process that the command owns has offered them.</summary>
    [TestMethod]
    [DataRow("always", "0 returned mapped")]
    [DataRow("never", "0 kept heap")]
    public void Command_ThatRunsLayersTwice_ReturnsLargeBlocks(string recompute, string expected)
    {
        if (!IsGlibc())
            Assert.Inconclusive("Where a block comes from is read as glibc notes it.");
        using var folder = new ToolFolder();
        string output = ChildProcess.Run(NativeHeapChild.RunCommand, "train", folder.WriteRows("rows.tsv"),
            "--base", ToolFolder.Base, "--input", "Input", "--label", "Label", "--model", folder["model.zip"],
            "--prefix-length", "4", "--max-steps", "1", "--batch-size", "4", "--recompute", recompute);
        Assert.AreEqual(expected, output.TrimEnd().Split('\n')[^1]);
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
