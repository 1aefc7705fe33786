using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Files;

/// <summary>Files appear whole or not at all.</summary>
[TestClass]
public sealed class AtomicFileTests
{
    private string _folder = "";

    private string Target => Path.Combine(_folder, "prefix.safetensors");

    [TestInitialize]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("atomic-file-").FullName;

    [TestCleanup]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    public void Write_OverLongerFile_LeavesOnlyTheNewContent()
    {
        File.WriteAllText(Target, "a longer former content");
        AtomicFile.Write(Target, "new"u8);
        Assert.AreEqual("new", File.ReadAllText(Target));
        Assert.HasCount(1, Directory.GetFiles(_folder));
    }

    [TestMethod]
    public void Write_DuringWriting_ShowsTheOldFile()
    {
        AtomicFile.Write(Target, "old"u8);
        AtomicFile.Write(Target, stream =>
        {
            stream.Write("new"u8);
            stream.Flush();
            Assert.AreEqual("old", File.ReadAllText(Target));
        });
        Assert.AreEqual("new", File.ReadAllText(Target));
    }

    [TestMethod]
    [DataRow(0)]
    [DataRow(1)]
    public void WriteAll_WhereOneFails_KeepsBothOldFiles(int failing)
    {
        string[] targets = [Target, Path.Combine(_folder, "config.json")];
        foreach (string target in targets)
            File.WriteAllText(target, "old");
        (string, Action<Stream>)[] files = [.. targets.Select((target, i) => (target, (Action<Stream>)(stream =>
        {
            stream.Write("new"u8);
            if (i == failing)
                throw new IOException("full");
        })))];
        Assert.ThrowsExactly<IOException>(() => AtomicFile.WriteAll(files));
        foreach (string target in targets)
            Assert.AreEqual("old", File.ReadAllText(target));
        Assert.HasCount(2, Directory.GetFiles(_folder));
    }

    [TestMethod]
    public void WriteAll_WhereATargetIsAFolder_WritesNone()
    {
        string config = Path.Combine(_folder, "config.json");
        File.WriteAllText(Target, "old");
        Directory.CreateDirectory(config);
        Assert.ThrowsExactly<UnauthorizedAccessException>(() => AtomicFile.WriteAll(
            (Target, stream => stream.Write("new"u8)), (config, stream => stream.Write("new"u8))));
        Assert.AreEqual("old", File.ReadAllText(Target));
    }

    [TestMethod]
    public void WriteAll_OfTwo_RenamesWhenBothAreWhole()
    {
        string config = Path.Combine(_folder, "config.json");
        AtomicFile.WriteAll((Target, stream => stream.Write("one"u8)), (config, stream =>
        {
            Assert.IsFalse(File.Exists(Target));
            stream.Write("two"u8);
        }
        ));
        Assert.AreEqual(("one", "two"), (File.ReadAllText(Target), File.ReadAllText(config)));
        Assert.HasCount(2, Directory.GetFiles(_folder));
    }

    [TestMethod]
    public void Write_WriterCancels_KeepsOldFileAndLeavesNothing()
    {
        AtomicFile.Write(Target, "old"u8);
        Assert.ThrowsExactly<OperationCanceledException>(() => AtomicFile.Write(Target, stream =>
        {
            stream.Write(new byte[100_000]);
            throw new OperationCanceledException();
        }));
        Assert.AreEqual("old", File.ReadAllText(Target));
        Assert.HasCount(1, Directory.GetFiles(_folder));
    }

    [TestMethod]
    public void Write_DiskFull_NamesTargetAndBytes()
    {
        IOException fault = Assert.ThrowsExactly<IOException>(() => AtomicFile.Write(Target, stream =>
        {
            stream.Write(new byte[1234]);
            throw new IOException("No space left on device");
        }));
        Assert.AreEqual(
            $"'{Target}': writing failed after 1234 bytes; a former file is untouched. No space left on device",
            fault.Message);
        Assert.IsEmpty(Directory.GetFiles(_folder));
    }

    [TestMethod]
    public void Write_LeftoversOfTheTarget_AreRemovedAndOthersStay()
    {
        string leftover = Target + ".saving-0123", other = Path.Combine(_folder, "other.saving-0123");
        File.WriteAllText(leftover, "half");
        File.WriteAllText(other, "half");
        AtomicFile.Write(Target, "new"u8);
        CollectionAssert.AreEquivalent(new[] { Target, other }, Directory.GetFiles(_folder));
        Assert.IsTrue(TemporaryName.Is(leftover));
        Assert.IsFalse(TemporaryName.Is(Target));
    }

    [TestMethod]
    public void Write_AnotherSaveOfTheSameTargetUnderWay_BothFinish()
    {
        AtomicFile.Write(Target, outer =>
        {
            AtomicFile.Write(Target, "inner"u8);
            outer.Write("outer"u8);
        });
        Assert.AreEqual("outer", File.ReadAllText(Target));
        Assert.HasCount(1, Directory.GetFiles(_folder));
    }

    [TestMethod]
    public void Write_TargetIsFolder_IsRefused()
    {
        Directory.CreateDirectory(Target);
        var fault = Assert.ThrowsExactly<UnauthorizedAccessException>(() => AtomicFile.Write(Target, "new"u8));
        Assert.AreEqual($"'{Target}': expected the name of a file to write, found a folder.", fault.Message);
        Assert.ThrowsExactly<UnauthorizedAccessException>(() => AtomicFile.CheckWritable(Target));
    }

    [TestMethod]
    public void Write_FolderIsMissing_IsRefused()
    {
        string target = Path.Combine(_folder, "missing", "file");
        Assert.ThrowsExactly<DirectoryNotFoundException>(() => AtomicFile.Write(target, "new"u8));
        Assert.ThrowsExactly<DirectoryNotFoundException>(() => AtomicFile.CheckWritable(target));
    }

    [TestMethod]
    public void Write_ProcessKilledAtAnyMoment_LeavesAWholeFile()
    {
        var random = new Random(1);
        for (int kill = 0; kill < 20; kill++)
        {
            using Process child = ChildProcess.Start(ChildProcess.SaveForever, Target);
            Assert.AreEqual(ChildProcess.Ready, child.StandardOutput.ReadLine());
            Thread.Sleep(random.Next(40));
            child.Kill();
            child.WaitForExit();
            byte[] content = File.ReadAllBytes(Target);
            Assert.HasCount(ChildProcess.SavedBytes, content);
            Assert.IsFalse(content.AsSpan().ContainsAnyExcept(content[0]), $"kill {kill}: parts of two files");
        }
        AtomicFile.Write(Target, "new"u8);
        Assert.HasCount(1, Directory.GetFiles(_folder));
    }

    [TestMethod]
    public void Write_FromTwoProcesses_NeverFails()
    {
        string[] command = [ChildProcess.SaveOften, Target, "300"];
        using Process one = ChildProcess.Start(command), other = ChildProcess.Start(command);
        one.WaitForExit();
        other.WaitForExit();
        Assert.AreEqual((0, 0), (one.ExitCode, other.ExitCode));
        Assert.AreEqual("content", File.ReadAllText(Target));
        Assert.HasCount(1, Directory.GetFiles(_folder));
    }

    [TestMethod]
    public void CheckWritable_GoodFolder_LeavesNothing()
    {
        AtomicFile.CheckWritable(Target);
        Assert.IsEmpty(Directory.GetFiles(_folder));
    }

    [TestMethod]
    public void Write_ManySavesAtOnce_LeaveOneWholeFile()
    {
        string[] contents = [.. Enumerable.Range(0, 8).Select(i => new string((char)('a' + i), 50_000))];
        contents.AsParallel().WithDegreeOfParallelism(4)
            .ForAll(content => AtomicFile.Write(Target, Encoding.UTF8.GetBytes(content)));
        CollectionAssert.Contains(contents, File.ReadAllText(Target));
    }
}
