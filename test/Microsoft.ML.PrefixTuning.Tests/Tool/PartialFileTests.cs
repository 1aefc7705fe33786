using System;
using System.IO;
using System.Linq;
using System.Runtime.Versioning;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>Rows that a run left.</summary>
[TestClass]
public sealed class PartialFileTests
{
    private static readonly string[] Texts = ["one\n", "zwei 🍵, \"2\"\r\n", "", "four\t\u2028\n"];

    [TestMethod]
    public void Texts_AfterReopening_AreThoseThatWereAdded()
    {
        using var folder = new ToolFolder();
        using (PartialFile file = Fill(folder))
            CollectionAssert.AreEqual(Texts, file.Texts().ToArray());
        using PartialFile again = PartialFile.Open(folder["out.tsv"], "same");
        for (int row = 0; row < Texts.Length; row++)
            Assert.IsTrue(again.Has(Row(row)));
        Assert.IsFalse(again.Has(Row(Texts.Length)));
        again.Add(Row(Texts.Length), "more");
        CollectionAssert.AreEqual(Texts.Append("more").ToArray(), again.Texts().ToArray());
    }

    [TestMethod]
    public void Open_OfAFileThatIsOpen_IsRefusedAndLeavesItsRows()
    {
        using var folder = new ToolFolder();
        using (PartialFile file = Fill(folder))
        {
            Assert.Contains(PartialFile.PathFor(folder["out.tsv"]), Assert.ThrowsExactly<IOException>(
                () => PartialFile.Open(folder["out.tsv"], "same")).Message);
            CollectionAssert.AreEqual(Texts, file.Texts().ToArray());
        }
        using PartialFile again = PartialFile.Open(folder["out.tsv"], "same");
        Assert.IsTrue(again.Has(Row(0)));
    }

    [TestMethod]
    public void Open_OfAFileCutAnywhere_KeepsItsWholeRows()
    {
        using var folder = new ToolFolder();
        Fill(folder).Dispose();
        byte[] whole = File.ReadAllBytes(PartialFile.PathFor(folder["out.tsv"]));
        for (int length = 0; length <= whole.Length; length++)
        {
            File.WriteAllBytes(PartialFile.PathFor(folder["out.tsv"]), whole[..length]);
            int rows = Math.Max(0, whole.Take(length).Count(value => value == '\n') - 1);
            using PartialFile file = PartialFile.Open(folder["out.tsv"], "same");
            for (int row = 0; row < rows; row++)
                Assert.IsTrue(file.Has(Row(row)), $"{length} bytes, row {row}");
            for (int row = rows; row < Texts.Length; row++)
            {
                Assert.IsFalse(file.Has(Row(row)), $"{length} bytes, row {row}");
                file.Add(Row(row), Texts[row]);
            }
            CollectionAssert.AreEqual(Texts, file.Texts().ToArray(), $"{length} bytes");
        }
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows)]
    [UnsupportedOSPlatform("windows")]
    public void Open_ForAFileThatOthersMayNotRead_MakesOneThatTheyMayNotReadEither()
    {
        using var folder = new ToolFolder();
        const UnixFileMode Own = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        File.SetUnixFileMode(folder.Write("out.tsv"), Own);
        using PartialFile file = Fill(folder);
        Assert.AreEqual(Own, File.GetUnixFileMode(file.Path));
    }

    [TestMethod]
    [DataRow("a", 255)]
    [DataRow("\u00e4", 127)]
    [DataRow("\U0001f600", 63)]
    public void Open_ForTheLongestNames_KeepsRowsUnderAShorterOne(string letter, int count)
    {
        using var folder = new ToolFolder();
        string name = string.Concat(Enumerable.Repeat(letter, count)), other = name[..^2] + "xy";
        using PartialFile file = PartialFile.Open(folder[name], "same"),
            second = PartialFile.Open(folder[other], "same");
        Assert.IsFalse(file.Has(Row(0)));
        file.Add(Row(0), "one");
        Assert.AreNotEqual(file.Path, second.Path);
        CollectionAssert.AreEqual(new[] { "one" }, file.Texts().ToArray());
        // Names that leave room for the ending keep it whole.
        Assert.AreEqual(folder["out.tsv"] + ".partial", PartialFile.PathFor(folder["out.tsv"]));
        Assert.AreEqual("out.tsv.partial", PartialFile.PathFor("out.tsv"));
    }

    [TestMethod]
    public void Open_OfAnotherCommandsRows_SaysWhatToDo()
    {
        using var folder = new ToolFolder();
        Fill(folder).Dispose();
        string message = Assert.ThrowsExactly<InvalidOperationException>(() =>
            PartialFile.Open(folder["out.tsv"], "other")).Message;
        Assert.Contains("out.tsv.partial'", message);
        Assert.Contains("delete the file", message);
        using PartialFile file = PartialFile.Open(folder["out.tsv"], "same");
        Assert.Contains("another one than row 1", Assert.ThrowsExactly<InvalidOperationException>(() =>
            file.Has(Row(1))).Message);
        Assert.IsTrue(File.Exists(file.Path));
    }

    [TestMethod]
    public void Texts_OfMoreRowsThanTheSourceHas_AreRefused()
    {
        using var folder = new ToolFolder();
        Fill(folder).Dispose();
        using PartialFile file = PartialFile.Open(folder["out.tsv"], "same");
        file.Has(Row(0));
        Assert.Contains("more than the 1", Assert.ThrowsExactly<InvalidOperationException>(() =>
            file.Texts().ToArray()).Message);
    }

    [TestMethod]
    [DataRow("")]
    [DataRow("a line\n")]
    [DataRow("{\"row\":\"x\"}\n")]
    [DataRow("no line")]
    public void Open_OfAnotherKindOfFile_LeavesItAlone(string content)
    {
        using var folder = new ToolFolder();
        string path = PartialFile.PathFor(folder["out.tsv"]);
        File.WriteAllText(path, content);
        if (content.Length == 0)
        {
            PartialFile.Open(folder["out.tsv"], "same").Dispose();
            Assert.IsFalse(File.Exists(path));
            return;
        }
        Assert.ThrowsExactly<FormatException>(() => PartialFile.Open(folder["out.tsv"], "same"));
        Assert.AreEqual(content, File.ReadAllText(path));
    }

    [TestMethod]
    public void Open_OfAFolder_SaysWhatThePlaceIsFor()
    {
        using var folder = new ToolFolder();
        string path = PartialFile.PathFor(folder["out.tsv"]);
        Directory.CreateDirectory(path);
        AssertNoRegularFile(folder["out.tsv"], "a folder");
        Assert.IsTrue(Directory.Exists(path));
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows)]
    public void Open_OfALinkToADevice_SaysWhatThePlaceIsFor()
    {
        using var folder = new ToolFolder();
        string path = PartialFile.PathFor(folder["out.tsv"]);
        File.CreateSymbolicLink(path, "/dev/null");
        AssertNoRegularFile(folder["out.tsv"], "a device or a pipe");
        Assert.IsTrue(File.Exists(path));
    }

    [TestMethod]
    public void Dispose_OfDoneOrEmptyRows_DeletesThem()
    {
        using var folder = new ToolFolder();
        PartialFile.Open(folder["out.tsv"], "same").Dispose();
        Assert.IsEmpty(Directory.GetFiles(folder.Folder));
        using (PartialFile file = Fill(folder))
            file.IsDone = true;
        Assert.IsEmpty(Directory.GetFiles(folder.Folder));
    }

    private static void AssertNoRegularFile(string target, string found) => Assert.AreEqual(
        $"'{PartialFile.PathFor(target)}': expected nothing or a regular file, for rows are kept there until '{target}'"
            + $" has all of them, found {found}; move it away.",
        Assert.ThrowsExactly<IOException>(() => PartialFile.Open(target, "same")).Message);

    private static PartialFile Fill(ToolFolder folder)
    {
        PartialFile file = PartialFile.Open(folder["out.tsv"], "same");
        for (int row = 0; row < Texts.Length; row++)
        {
            Assert.IsFalse(file.Has(Row(row)));
            file.Add(Row(row), Texts[row]);
        }
        return file;
    }

    private static FieldRow Row(int number) => new($"row {number}", ["In"], [$"text {number}"]);
}
