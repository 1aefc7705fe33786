using System;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Files;

/// <summary>
/// What is written where the target is more than a plain name: links, modes, long names, devices, folders.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class WriteTargetTests
{
    private readonly TemporaryFolder _folder = new();

    [TestCleanup]
    public void RemoveFolder() => _folder.Dispose();

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows, IgnoreMessage = "links need a right there")]
    [DataRow("there")]
    [DataRow("missing")]
    public void Write_Link_WritesTheFileItLeadsTo(string file)
    {
        Directory.CreateDirectory(_folder["inner"]);
        File.WriteAllText(_folder["inner/there"], "old");
        File.CreateSymbolicLink(_folder["inner/link"], file);
        File.CreateSymbolicLink(_folder["link to link"], Path.Combine("inner", "link"));
        AtomicFile.Write(_folder["link to link"], "new"u8);
        Assert.AreEqual("new", File.ReadAllText(_folder[$"inner/{file}"]));
        Assert.AreEqual(Path.Combine("inner", "link"), new FileInfo(_folder["link to link"]).LinkTarget);
        Assert.IsFalse(Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories).Any(TemporaryName.Is));
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows, IgnoreMessage = "links need a right there")]
    [DataRow("a/folder/up", "b/z/file", true)]
    [DataRow("a/folder/up", "b/z/file", false)]
    [DataRow("a/folder/through", "c/z/file", true)]
    [DataRow("a/folder/through", "c/z/file", false)]
    public void Write_LinkWithParents_CountsThemFromTheFolderThatIsReallyThere(string link, string file, bool isThere)
    {
        foreach (string folder in (string[])["a/z", "b/z", "b/y/z", "c/z", "c/deep"])
        {
            Directory.CreateDirectory(_folder[folder]);
            if (isThere || folder + "/file" != file)
                File.WriteAllText(_folder[folder + "/file"], "old");
        }
        Directory.CreateSymbolicLink(_folder["a/folder"], Path.Combine("..", "b", "y"));
        Directory.CreateSymbolicLink(_folder["b/y/deep"], _folder["c/deep"]);
        File.CreateSymbolicLink(_folder["b/y/up"], "../z/file");
        File.CreateSymbolicLink(_folder["b/y/through"], "deep/../z/file");
        AtomicFile.Write(_folder[link], "new"u8);
        Assert.AreEqual("new", File.ReadAllText(_folder[link]));
        foreach (string folder in (string[])["a/z", "b/z", "b/y/z", "c/z"])
            Assert.AreEqual(folder + "/file" == file ? "new" : "old", File.ReadAllText(_folder[folder + "/file"]));
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void Write_LinkToAFileThatHasNoName_IsRefused()
    {
        using var open = new FileStream(_folder["gone"], FileMode.Create);
        File.Delete(_folder["gone"]);
        string link = $"/proc/self/fd/{open.SafeFileHandle.DangerousGetHandle()}";
        var fault = Assert.ThrowsExactly<IOException>(() => AtomicFile.Write(link, "new"u8));
        Assert.AreEqual($"'{link}': expected a file or a link to one, found links that cannot be followed to a file's"
            + " name.", fault.Message);
        Assert.IsEmpty(Directory.GetFiles(_folder.Path));
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows, IgnoreMessage = "links need a right there")]
    public void Write_LinksInACircle_IsRefusedByName()
    {
        File.CreateSymbolicLink(_folder["one"], "two");
        File.CreateSymbolicLink(_folder["two"], "one");
        var fault = Assert.ThrowsExactly<IOException>(() => AtomicFile.Write(_folder["one"], "new"u8));
        StringAssert.StartsWith(fault.Message, $"'{_folder["one"]}': expected a file or a link to one, found links");
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows, IgnoreMessage = "links need a right there")]
    public void Write_LinkToAFolder_IsRefused()
    {
        Directory.CreateDirectory(_folder["inner"]);
        Directory.CreateSymbolicLink(_folder["link"], "inner");
        var fault = Assert.ThrowsExactly<UnauthorizedAccessException>(() => AtomicFile.Write(_folder["link"], "new"u8));
        Assert.AreEqual($"'{_folder["link"]}': expected the name of a file to write, found a folder.", fault.Message);
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows, IgnoreMessage = "Unix' modes")]
    [UnsupportedOSPlatform("windows")]
    [DataRow(UnixFileMode.UserRead | UnixFileMode.UserWrite)]
    [DataRow(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)]
    [DataRow(UnixFileMode.UserRead)]
    public void Write_ExistingFile_KeepsItsMode(UnixFileMode mode)
    {
        File.WriteAllText(_folder["file"], "old");
        File.SetUnixFileMode(_folder["file"], mode);
        AtomicFile.Write(_folder["file"], stream =>
        {
            stream.Write("new"u8);
            stream.Flush();
            UnixFileMode now = File.GetUnixFileMode(Directory.GetFiles(_folder.Path).Single(TemporaryName.Is));
            Assert.AreEqual(UnixFileMode.None, now & ~(mode | UnixFileMode.UserWrite), "nobody else reads it");
        });
        Assert.AreEqual(mode, File.GetUnixFileMode(_folder["file"]));
        Assert.AreEqual("new", File.ReadAllText(_folder["file"]));
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows, IgnoreMessage = "Unix' modes")]
    [UnsupportedOSPlatform("windows")]
    public void Write_NewFile_HasTheModeOfAnyOther()
    {
        File.WriteAllText(_folder["other"], "");
        AtomicFile.Write(_folder["file"], "new"u8);
        Assert.AreEqual(File.GetUnixFileMode(_folder["other"]), File.GetUnixFileMode(_folder["file"]));
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows, IgnoreMessage = "Unix' modes")]
    [UnsupportedOSPlatform("windows")]
    public void Write_IntoAFolderThatCannotBeListed_Works()
    {
        if (Environment.IsPrivilegedProcess)
            Assert.Inconclusive("Root may list every folder.");
        Directory.CreateDirectory(_folder["inner"]);
        File.SetUnixFileMode(_folder["inner"], UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            Assert.ThrowsExactly<UnauthorizedAccessException>(() => Directory.GetFiles(_folder["inner"]));
            AtomicFile.CheckWritable(_folder["inner/file"]);
            AtomicFile.Write(_folder["inner/file"], "old"u8);
            AtomicFile.Write(_folder["inner/file"], "new"u8);
        }
        finally
        {
            File.SetUnixFileMode(_folder["inner"],
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        Assert.AreEqual("new", File.ReadAllText(Directory.GetFiles(_folder["inner"]).Single()));
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows, IgnoreMessage = "Unix' links")]
    public void Write_FileWithSeveralNames_ReplacesItUnderTheOneThatIsWritten()
    {
        File.WriteAllText(_folder["file"], "old");
        Assert.AreEqual(0, MakeHardLink(_folder["file"], _folder["other name"]));
        AtomicFile.Write(_folder["file"], "new"u8);
        Assert.AreEqual("new", File.ReadAllText(_folder["file"]));
        Assert.AreEqual("old", File.ReadAllText(_folder["other name"]));
    }

    [TestMethod]
    [DataRow("a", 255)]
    [DataRow("\u00e4", 127)]
    [DataRow("\U0001f600", 63)]
    public void Write_LongestNames_AreWrittenAndLeaveNothing(string letter, int count)
    {
        string name = string.Concat(Enumerable.Repeat(letter, count));
        string leftover = TemporaryName.Make(_folder[name]), other = TemporaryName.Make(_folder[name[..^2] + "xy"]);
        File.WriteAllText(leftover, "half");
        File.WriteAllText(other, "half");
        AtomicFile.CheckWritable(_folder[name]);
        AtomicFile.Write(_folder[name], "new"u8);
        Assert.AreEqual("new", File.ReadAllText(_folder[name]));
        CollectionAssert.AreEquivalent(new[] { _folder[name], other }, Directory.GetFiles(_folder.Path));
        Assert.IsTrue(TemporaryName.Is(other));
    }

    [TestMethod]
    public void MakeFolder_WhereAFileIs_NamesTheFile()
    {
        File.WriteAllText(_folder["file"], "old");
        foreach (string path in (string[])["file", "file/inner", "file/inner/most"])
        {
            var fault = Assert.ThrowsExactly<IOException>(() => WriteTarget.MakeFolder(_folder[path]));
            Assert.AreEqual($"'{_folder[path]}': expected the name of a folder, found that '{_folder["file"]}' is a"
                + " file.", fault.Message);
        }
        WriteTarget.MakeFolder(_folder["folder/inner"]);
        WriteTarget.MakeFolder(_folder["folder/inner"]);
        Assert.IsTrue(Directory.Exists(_folder["folder/inner"]));
    }

    [TestMethod]
    [DataRow("a", 256)]
    [DataRow("\U0001f600", 128)]
    public void CheckWritable_OfANameThatIsTooLong_IsRefusedBeforeTheContentIsMade(string letter, int count)
    {
        string name = string.Concat(Enumerable.Repeat(letter, count));
        var fault = Assert.ThrowsExactly<IOException>(() => AtomicFile.CheckWritable(_folder[name]));
        StringAssert.StartsWith(fault.Message, $"'{_folder[name]}': writing failed after 0 bytes");
        Assert.IsEmpty(Directory.GetFiles(_folder.Path));
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows, IgnoreMessage = "Unix' devices")]
    public void Write_Device_GetsTheContentAndStays()
    {
        Assert.AreEqual(0, MakePipe(_folder["pipe"], mode: 0x180));
        Task<string> read = Task.Run(() => File.ReadAllText(_folder["pipe"]));
        AtomicFile.Write(_folder["pipe"], stream =>
        {
            stream.Write("-ew"u8);
            stream.Position = 0;
            stream.Write("n"u8);
        });
        Assert.AreEqual("new", read.Result);
        Assert.AreEqual(FileKind.Device, FileStatus.Of(_folder["pipe"])!.Value.Kind);
        AtomicFile.CheckWritable(_folder["pipe"]);
        AtomicFile.Write("/dev/null", "new"u8);
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void Write_FullDevice_NamesItAndLeavesIt()
    {
        File.CreateSymbolicLink(_folder["link"], "/dev/full");
        var fault = Assert.ThrowsExactly<IOException>(() => AtomicFile.Write(_folder["link"], "new"u8));
        StringAssert.StartsWith(fault.Message, $"'{_folder["link"]}': writing failed. No space left on device");
        Assert.AreEqual(FileKind.Device, FileStatus.Of("/dev/full")!.Value.Kind);
    }

    [DllImport("libc", EntryPoint = "link", CharSet = CharSet.Ansi, BestFitMapping = false)]
    private static extern int MakeHardLink(string file, string link);

    [DllImport("libc", EntryPoint = "mkfifo", CharSet = CharSet.Ansi, BestFitMapping = false)]
    private static extern int MakePipe(string path, uint mode);
}
