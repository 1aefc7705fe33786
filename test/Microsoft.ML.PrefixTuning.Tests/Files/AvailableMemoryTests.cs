using System.IO;
using Microsoft.ML.PrefixTuning.Files;
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
    public void OfLinux_WithoutGroups_IsWhatTheSystemHas()
    {
        using var root = new TemporaryFolder();
        Write(root, "proc/meminfo", Memory);

        Assert.AreEqual(OfSystem, AvailableMemory.OfLinux(root.Path));
    }

    [TestMethod]
    public void OfLinux_WithoutAnything_IsNotKnown()
    {
        using var root = new TemporaryFolder();

        Assert.IsNull(AvailableMemory.OfLinux(root.Path));
    }

    [TestMethod]
    public void OfLinux_InAGroup_IsWhatItsLimitLeaves()
    {
        using var root = new TemporaryFolder();
        Write(root, "proc/meminfo", Memory);
        Write(root, "proc/self/cgroup", "0::/box/inner\n");
        Write(root, "sys/fs/cgroup/box/inner/memory.max", "max\n");
        Write(root, "sys/fs/cgroup/box/inner/memory.current", "1000000\n");
        Write(root, "sys/fs/cgroup/box/memory.max", "3000000\n");
        Write(root, "sys/fs/cgroup/box/memory.current", "1500000\n");
        Write(root, "sys/fs/cgroup/box/memory.stat", "anon 900000\ninactive_file 600000\n");

        Assert.AreEqual(3_000_000 - 900_000, AvailableMemory.OfLinux(root.Path));
    }

    [TestMethod]
    public void OfLinux_InAGroupOfTheFirstVersion_IsWhatItsLimitLeaves()
    {
        using var root = new TemporaryFolder();
        Write(root, "proc/meminfo", Memory);
        Write(root, "proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/box\n3:cpuset:/\n");
        Write(root, "sys/fs/cgroup/memory/box/memory.limit_in_bytes", "5000000\n");
        Write(root, "sys/fs/cgroup/memory/box/memory.usage_in_bytes", "6000000\n");
        Write(root, "sys/fs/cgroup/memory/box/memory.stat", "inactive_file 10\ntotal_inactive_file 2000000\n");

        Assert.AreEqual(1_000_000, AvailableMemory.OfLinux(root.Path));
    }

    [TestMethod]
    public void OfLinux_InAGroupAboveTheSystem_IsWhatTheSystemHas()
    {
        using var root = new TemporaryFolder();
        Write(root, "proc/meminfo", Memory);
        Write(root, "proc/self/cgroup", "0::/\n");
        Write(root, "sys/fs/cgroup/memory.max", "9223372036854771712\n");
        Write(root, "sys/fs/cgroup/memory.current", "1\n");

        Assert.AreEqual(OfSystem, AvailableMemory.OfLinux(root.Path));
    }

    private static void Write(TemporaryFolder root, string file, string text)
    {
        string path = root[file];
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
