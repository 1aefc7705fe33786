using System;
using System.IO;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Files;

/// <summary>What the file system says of a path.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class FileStatusTests
{
    private readonly TemporaryFolder _folder = new();

    [TestCleanup]
    public void RemoveFolder() => _folder.Dispose();

    [TestMethod]
    public void Of_PlainFile_GivesSizeAndTime()
    {
        string file = _folder["file"];
        File.WriteAllText(file, "12345");
        File.SetLastWriteTimeUtc(file, new DateTime(2020, 1, 2, 3, 4, 5, DateTimeKind.Utc));
        FileStatus first = FileStatus.Of(file)!.Value;
        File.SetLastWriteTimeUtc(file, new DateTime(2020, 1, 2, 3, 4, 6, DateTimeKind.Utc));
        FileStatus second = FileStatus.Of(file)!.Value;
        Assert.AreEqual(FileKind.File, first.Kind);
        Assert.AreEqual(5, first.Bytes);
        long ticks = OperatingSystem.IsWindows() ? TimeSpan.TicksPerSecond : 1_000_000_000;
        Assert.AreEqual(ticks, second.Written - first.Written);
        Assert.AreEqual(first.Node, second.Node);
    }

    [TestMethod]
    public void Of_TimeSetBack_ShowsTheChange()
    {
        string file = _folder["file"];
        File.WriteAllText(file, "old");
        DateTime time = File.GetLastWriteTimeUtc(file);
        File.SetLastWriteTimeUtc(file, time);
        FileStatus before = FileStatus.Of(file)!.Value;
        // The clock of a file system ticks every few milliseconds.
        do
        {
            File.WriteAllText(file, "new");
            File.SetLastWriteTimeUtc(file, time);
        }
        while (FileStatus.Of(file)!.Value.Changed == before.Changed);
        FileStatus after = FileStatus.Of(file)!.Value;
        Assert.AreEqual(before with { Changed = after.Changed }, after);
    }

    [TestMethod]
    public void Of_OtherThings_TellsTheirKind()
    {
        Assert.AreEqual(FileKind.Folder, FileStatus.Of(_folder.Path)!.Value.Kind);
        Assert.AreEqual(FileKind.Device, FileStatus.Of(OperatingSystem.IsWindows() ? "NUL" : "/dev/null")!.Value.Kind);
        Assert.IsNull(FileStatus.Of(_folder["missing"]));
        Assert.IsNull(FileStatus.Of(Path.Combine(_folder["missing"], "missing")));
    }
}
