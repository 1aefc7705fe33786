using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Tests.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Files;

/// <summary>Memory that is free, from folders that look like those of a Linux system.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class AvailableMemoryTests
{
    private const string Memory = "MemTotal:       16000 kB\nMemFree:  100 kB\nMemAvailable:    8000 kB\n";
    private const long OfSystem = 8000 * 1024;

    [TestMethod]
    public void OfLinux_WithoutGroups_IsWhatTheSystemHas() => Assert.AreEqual(OfSystem, OfLinux());

    [TestMethod]
    public void OfLinux_WithoutAnything_IsNotKnown()
    {
        using var root = new TemporaryFolder();

        Assert.IsNull(AvailableMemory.OfLinux(root.Path));
    }

    [TestMethod]
    public void OfLinux_InAGroup_IsWhatItsLimitLeaves() =>
        Assert.AreEqual(3_000_000 - 900_000, OfLinux(
            ("proc/self/cgroup", "0::/box/inner\n"),
            ("sys/fs/cgroup/box/inner/memory.max", "max\n"),
            ("sys/fs/cgroup/box/inner/memory.current", "1000000\n"),
            ("sys/fs/cgroup/box/memory.max", "3000000\n"),
            ("sys/fs/cgroup/box/memory.current", "1500000\n"),
            ("sys/fs/cgroup/box/memory.stat", "anon 900000\nfile 600000\nactive_file 400000\ninactive_file 200000\n")));

    [TestMethod]
    public void OfLinux_InAGroupOfTheFirstVersion_IsWhatItsLimitLeaves() =>
        Assert.AreEqual(1_000_000, OfLinux(
            ("proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/box\n3:cpuset:/\n"),
            ("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "5000000\n"),
            ("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "6000000\n"),
            ("sys/fs/cgroup/memory/box/memory.stat",
                "inactive_file 10\nactive_file 7\ntotal_inactive_file 500000\ntotal_active_file 1500000\n")));

    [TestMethod]
    public void OfLinux_InAGroupAboveTheSystem_IsWhatTheSystemHas() =>
        Assert.AreEqual(OfSystem, OfLinux(
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory.current", "1\n")));

    /// <summary>What lies below a block that stays is kept by the heap.</summary>
    [TestMethod]
    public unsafe void GiveBack_OfFreedBlocks_IsDoneByGlibcAndNowhereElse()
    {
        var blocks = new nint[512];
        for (int i = 0; i < blocks.Length; i++)
            blocks[i] = (nint)NativeMemory.Alloc(1 << 16);
        foreach (nint block in blocks[..^1])
            NativeMemory.Free((void*)block);

        Assert.AreEqual(NativeHeapTests.IsGlibc(), AvailableMemory.GiveBack());

        NativeMemory.Free((void*)blocks[^1]);
    }

    /// <summary>What is free on a system with some files beside its own.</summary>
    private static long? OfLinux(params (string File, string Text)[] files)
    {
        using var root = new TemporaryFolder();
        foreach ((string file, string text) in files.Prepend(("proc/meminfo", Memory)))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(root[file])!);
            File.WriteAllText(root[file], text);
        }
        return AvailableMemory.OfLinux(root.Path);
    }
}
