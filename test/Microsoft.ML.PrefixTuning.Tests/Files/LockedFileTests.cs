using System;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Files;

/// <summary>Files of the living are told from those of the dead.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class LockedFileTests
{
    private readonly TemporaryFolder _folder = new();

    [TestCleanup]
    public void RemoveFolder() => _folder.Dispose();

    [TestMethod]
    public void TryDeleteAbandoned_FileInUse_LeavesItUntilItIsClosed()
    {
        using (FileStream file = LockedFile.Make(() => _folder["file"]))
        {
            Assert.IsFalse(LockedFile.TryDeleteAbandoned(file.Name));
            Assert.IsTrue(File.Exists(file.Name));
        }
        Assert.IsTrue(LockedFile.TryDeleteAbandoned(_folder["file"]));
        Assert.IsFalse(File.Exists(_folder["file"]));
        Assert.IsFalse(LockedFile.TryDeleteAbandoned(_folder["file"]), "there is none");
    }

    [TestMethod]
    public void Make_WhileOthersSweep_GivesAFileThatStays()
    {
        using var stop = new CancellationTokenSource();
        Task sweeper = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                foreach (string file in Directory.EnumerateFiles(_folder.Path))
                    LockedFile.TryDeleteAbandoned(file);
            }
        });
        for (int i = 0; i < 2000; i++)
        {
            using FileStream file = LockedFile.Make(() => _folder[$"{Guid.NewGuid()}"]);
            File.Move(file.Name, _folder["target"], overwrite: true);
            Assert.IsFalse(sweeper.IsCompleted);
        }
        stop.Cancel();
        sweeper.Wait();
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows, IgnoreMessage = "Unix' locks")]
    public void Files_WhereThereAreNoLocks_AreMadeAndLeftAlone()
    {
        using (FileStream file = LockedFile.Make(() => _folder["file"], null, tryLock: _ => null))
            file.Write("new"u8);
        Assert.IsFalse(LockedFile.TryDeleteAbandoned(_folder["file"], tryLock: _ => null), "nobody can tell");
        Assert.AreEqual("new", File.ReadAllText(_folder["file"]));
        Assert.IsTrue(LockedFile.TryDeleteAbandoned(_folder["file"]));
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows, IgnoreMessage = "an open file stays there")]
    public void IsInPlace_OfAFileThatAnotherTookThePlaceOf_IsFalse()
    {
        string path = _folder["file"];
        using var first = new FileStream(path, FileMode.Create, FileAccess.ReadWrite, FileShare.Delete);
        Assert.IsTrue(LockedFile.IsInPlace(first));
        File.Delete(path);
        Assert.IsFalse(LockedFile.IsInPlace(first), "nothing is there");
        using var second = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Delete);
        Assert.IsFalse(LockedFile.IsInPlace(first), "another file is there");
        Assert.IsTrue(LockedFile.IsInPlace(second));
    }

    [TestMethod]
    public void Make_InAMissingFolder_SaysSo()
    {
        string missing = Path.Combine(_folder["missing"], "file");
        Assert.ThrowsExactly<DirectoryNotFoundException>(() => LockedFile.Make(() => missing));
    }
}
