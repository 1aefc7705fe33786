using System;
using System.IO;
using System.Runtime.CompilerServices;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Files;

/// <summary>What is open is not written over.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class FilesInUseTests
{
    private readonly TemporaryFolder _folder = new();

    [TestCleanup]
    public void RemoveFolder() => _folder.Dispose();

    [TestMethod]
    public void Refuse_FileThatIsHeld_UntilItIsGivenBack()
    {
        File.WriteAllText(_folder["held"], "old");
        using (FilesInUse.Hold("the owner", [_folder["held"]]))
        {
            var refused = Assert.ThrowsExactly<InvalidOperationException>(
                () => AtomicFile.Write(_folder["held"], "new"u8));
            Assert.AreEqual($"'{_folder["held"]}': expected the name of another file to write, found 'held' of the"
                + " owner, which is open in this process. It is untouched.", refused.Message);
            Assert.ThrowsExactly<InvalidOperationException>(() => AtomicFile.CheckWritable(_folder["held"]));
            AtomicFile.Write(_folder["other"], "new"u8);
            Assert.AreEqual("old", File.ReadAllText(_folder["held"]));
        }
        AtomicFile.Write(_folder["held"], "new"u8);
    }

    [TestMethod]
    public void Refuse_FileThatTookTheHeldOnesPlace_Too()
    {
        File.WriteAllText(_folder["held"], "old");
        using IDisposable hold = FilesInUse.Hold("the owner", [_folder["held"]]);
        File.Move(_folder["held"], _folder["moved"]);
        File.WriteAllText(_folder["held"], "another");
        Assert.ThrowsExactly<InvalidOperationException>(() => FilesInUse.Refuse(_folder["held"]));
        Assert.ThrowsExactly<InvalidOperationException>(() => FilesInUse.Refuse(_folder["moved"]));
    }

    [TestMethod]
    public void Refuse_FileWithTheNumberOfADeletedOne_Not()
    {
        File.WriteAllText(_folder["held"], "old");
        using IDisposable hold = FilesInUse.Hold("the owner", [_folder["held"]]);
        ulong number = (ulong)FileStatus.Of(_folder["held"])!.Value.Node.Number;
        File.Delete(_folder["held"]);
        // Many file systems give the number to the next file.
        for (int i = 0; i < 100 && (i == 0 || (ulong)FileStatus.Of(_folder["new"])!.Value.Node.Number != number); i++)
        {
            File.Delete(_folder["new"]);
            File.WriteAllText(_folder["new"], "new");
            FilesInUse.Refuse(_folder["new"]);
        }
        FilesInUse.Refuse(_folder["new"]);
    }

    // Whoever asks for a file at this moment holds all uses.
    [TestMethod]
    [DoNotParallelize]
    public void Refuse_FileThatWasHeldBySomethingForgotten_NoLonger()
    {
        File.WriteAllText(_folder["held"], "old");
        WeakReference forgotten = Forget(_folder["held"]);
        GC.Collect();
        Assert.IsFalse(forgotten.IsAlive);
        FilesInUse.Refuse(_folder["held"]);
    }

    // Apart, so that no place of the stack holds it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Forget(string path)
    {
        IDisposable hold = FilesInUse.Hold("the owner", [path]);
        Assert.ThrowsExactly<InvalidOperationException>(() => FilesInUse.Refuse(path));
        return new WeakReference(hold);
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows, IgnoreMessage = "links need a right there")]
    public void Refuse_LinkToAFileThatIsHeld_Too()
    {
        File.WriteAllText(_folder["held"], "old");
        File.CreateSymbolicLink(_folder["link"], "held");
        using IDisposable hold = FilesInUse.Hold("the owner", [_folder["held"]]);
        Assert.ThrowsExactly<InvalidOperationException>(() => AtomicFile.Write(_folder["link"], "new"u8));
    }
}
