using System;
using System.IO;
using System.Runtime.InteropServices;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Files;

/// <summary>Paths to one file are told from paths to two, whatever they are spelled like.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class FileIdentityTests
{
    private readonly TemporaryFolder _folder = new();

    [TestCleanup]
    public void RemoveFolder() => _folder.Dispose();

    [TestMethod]
    public void Of_OtherSpellings_AreTheSameFile()
    {
        File.WriteAllText(_folder["rows.tsv"], "");
        Directory.CreateDirectory(_folder["inner"]);
        AssertSame(_folder["rows.tsv"], Path.Combine(_folder.Path, ".", "rows.tsv"));
        AssertSame(_folder["rows.tsv"], Path.Combine(_folder.Path, "inner", "..", "rows.tsv"));
        AssertSame(_folder["rows.tsv"], Path.GetRelativePath(Environment.CurrentDirectory, _folder["rows.tsv"]));
    }

    [TestMethod]
    public void Of_FilesOfTheSameContent_AreTwo()
    {
        File.WriteAllText(_folder["one"], "");
        File.WriteAllText(_folder["two"], "");
        Assert.AreNotEqual(FileIdentity.Of(_folder["one"]), FileIdentity.Of(_folder["two"]));
        Assert.AreNotEqual(FileIdentity.Of(_folder["one"]), FileIdentity.Of(_folder["missing"]));
        Assert.AreNotEqual(FileIdentity.Of(_folder["missing"]), FileIdentity.Of(_folder["missing too"]));
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows, IgnoreMessage = "links need a right there")]
    public void Of_Links_IsTheFileTheyLeadTo()
    {
        File.WriteAllText(_folder["file"], "");
        Directory.CreateSymbolicLink(_folder["folder"], _folder.Path);
        File.CreateSymbolicLink(_folder["link"], "file");
        File.CreateSymbolicLink(_folder["link to link"], "link");
        Assert.AreEqual(0, MakeHardLink(_folder["file"], _folder["hard link"]));
        AssertSame(_folder["file"], _folder["link to link"]);
        AssertSame(_folder["file"], _folder["hard link"]);
        AssertSame(_folder["file"], Path.Combine(_folder["folder"], "file"));
    }

    [TestMethod]
    public void Of_FileThatIsNotThere_IsItsPlace()
    {
        AssertSame(_folder["new"], Path.Combine(_folder.Path, ".", "new"));
        AssertSame(Path.Combine(_folder["a"], "new"), Path.Combine(_folder["a"], "b", "..", "new"));
        FileIdentity before = FileIdentity.Of(_folder["new"]);
        File.WriteAllText(_folder["new"], "");
        Assert.AreNotEqual(before, FileIdentity.Of(_folder["new"]), "it is told by itself now");
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows, IgnoreMessage = "links need a right there")]
    public void Of_FileThatIsNotThere_IsThatOfLinksToIt()
    {
        Directory.CreateDirectory(_folder["inner"]);
        Directory.CreateSymbolicLink(_folder["folder"], "inner");
        File.CreateSymbolicLink(_folder["link"], Path.Combine("inner", "new"));
        AssertSame(Path.Combine(_folder["inner"], "new"), Path.Combine(_folder["folder"], "new"));
        AssertSame(Path.Combine(_folder["inner"], "new"), _folder["link"]);
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows, IgnoreMessage = "links need a right there")]
    public void Of_FileThatIsNotThere_IsThatOfALinkInALinkedFolder()
    {
        foreach (string folder in (string[])["a/z", "b/y", "b/z"])
            Directory.CreateDirectory(_folder[folder]);
        Directory.CreateSymbolicLink(_folder["a/folder"], Path.Combine("..", "b", "y"));
        File.CreateSymbolicLink(_folder["b/y/link"], Path.Combine("..", "z", "new"));
        AssertSame(_folder["b/z/new"], _folder["a/folder/link"]);
        Assert.AreNotEqual(FileIdentity.Of(_folder["a/z/new"]), FileIdentity.Of(_folder["a/folder/link"]));
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows, IgnoreMessage = "links need a right there")]
    public void Of_LinksInACircle_ComesToAnEnd()
    {
        File.CreateSymbolicLink(_folder["one"], "two");
        File.CreateSymbolicLink(_folder["two"], "one");
        Assert.AreNotEqual(FileIdentity.Of(_folder["one"]), FileIdentity.Of(_folder["three"]));
    }

    [TestMethod]
    public void Of_NamesInAnotherCase_AreOneWhereTheFolderSaysSo()
    {
        string one = _folder["new.zip"], other = _folder["New.ZIP"];
        Assert.AreEqual(FileIdentity.Of(one, _ => true), FileIdentity.Of(other, _ => true));
        Assert.AreNotEqual(FileIdentity.Of(one, _ => false), FileIdentity.Of(other, _ => false));
    }

    [TestMethod]
    public void Of_NamesInAnotherCase_AreWhatTheFileSystemTakesThemFor()
    {
        File.WriteAllText(_folder["there"], "");
        bool isOne = File.Exists(_folder["THERE"]);
        Assert.AreEqual(isOne, FileIdentity.Of(_folder["there"]) == FileIdentity.Of(_folder["THERE"]));
        Assert.AreEqual(isOne, FileIdentity.Of(_folder["new"]) == FileIdentity.Of(_folder["NEW"]));
    }

    private static void AssertSame(string one, string other) =>
        Assert.AreEqual(FileIdentity.Of(one), FileIdentity.Of(other), $"{one} and {other}");

    [DllImport("libc", EntryPoint = "link", CharSet = CharSet.Ansi, BestFitMapping = false)]
    private static extern int MakeHardLink(string file, string link);
}
