using System;
using System.IO;
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
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows, IgnoreMessage = "links need a right there")]
    public void Refuse_LinkToAFileThatIsHeld_Too()
    {
        File.WriteAllText(_folder["held"], "old");
        File.CreateSymbolicLink(_folder["link"], "held");
        using IDisposable hold = FilesInUse.Hold("the owner", [_folder["held"]]);
        Assert.ThrowsExactly<InvalidOperationException>(() => AtomicFile.Write(_folder["link"], "new"u8));
    }
}
