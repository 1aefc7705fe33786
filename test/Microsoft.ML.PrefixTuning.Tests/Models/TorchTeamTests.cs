using System;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>Which OpenMP is torch's where a process has several.</summary>
[TestClass]
public sealed class TorchTeamTests
{
    // Another one than torch's package brings.
    private const string Preloaded = "libgomp.so.1";

    [TestMethod]
    public void Do_WithAnOpenMPThatIsPreloaded_HasTheThreadsThatTorchHas()
    {
        if (!OperatingSystem.IsLinux() || !NativeLibrary.TryLoad(Preloaded, out _))
            Assert.Inconclusive($"{Preloaded} is not there.");
        string[] command = ChildProcess.Command(TeamChild.Meet);
        using Process child = Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            // What torch is told goes to the one that it calls; any other one has two.
            Environment = { ["LD_PRELOAD"] = Preloaded, ["OMP_NUM_THREADS"] = "2" },
        })!;
        Assert.AreEqual("31", child.StandardOutput.ReadToEnd());
        child.WaitForExit();
    }
}
