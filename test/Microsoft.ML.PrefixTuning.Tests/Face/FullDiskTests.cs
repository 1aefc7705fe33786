using System;
using System.Diagnostics;
using System.IO;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>
/// Saving on a disk that has no room left, or beyond the size a file may have: the kernel itself refuses to write on.
/// </summary>
[TestClass]
[OSCondition(OperatingSystems.Linux)]
public sealed class FullDiskTests
{
    // Long enough for a model of many pages of the small disk.
    private const int Length = 200;
    private const int Page = 4096;

    private static readonly MLContext Context = new(seed: 1);

    // A disk of $1 bytes at $2, seen by this shell and its children only; the rest is run there.
    private const string OnSmallDisk = "mount -t tmpfs -o size=$1 none \"$2\" && shift 2 && ";

    // A write beyond the size allowed is an error rather than the end of the process.
    private const string WithoutSignal = "trap '' XFSZ && exec \"$@\"";

    private readonly string _folder = Directory.CreateTempSubdirectory("full-disk-").FullName;

    [TestCleanup]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    public void SaveAtomically_OnAFullDisk_LeavesTheOldModelAndNothingElse()
    {
        string model = Save(), disk = Directory.CreateDirectory(Path.Combine(_folder, "disk")).FullName,
            target = Path.Combine(disk, "model.zip");
        long room = new FileInfo(model).Length * 3 / 2;
        string[] lines = OnDisk(disk, room, $"cp '{model}' '{target}' && exec \"$@\"",
            ChildProcess.Command(FaceChild.SaveWithoutRoom, model, target));
        StringAssert.StartsWith(lines[0], $"'{target}': writing failed after ");
        StringAssert.Contains(lines[0], "a former file is untouched. No space left on device");
        CollectionAssert.AreEqual(new[] { "untouched", "model.zip", "loads" }, lines[1..]);
    }

    [TestMethod]
    public void SaveAtomically_BeyondTheSizeAllowed_LeavesTheOldModelAndNothingElse()
    {
        string model = Save(),
            target = Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, "limited")).FullName, "model.zip");
        File.Copy(model, target);
        long allowed = new FileInfo(model).Length * 3 / 4;
        (int exitCode, string output) =
            Run(["bash", "-c", WithoutSignal, "bash",
            .. ChildProcess.Command(FaceChild.SaveWithoutRoom, model, target, $"{allowed}")]);
        Assert.AreEqual(0, exitCode, output);
        string[] lines = output.TrimEnd().Split('\n');
        StringAssert.StartsWith(lines[0], $"'{target}': writing failed after ");
        StringAssert.Contains(lines[0], "a former file is untouched. ");
        CollectionAssert.AreEqual(new[] { "untouched", "model.zip", "loads" }, lines[1..]);
    }

    [TestMethod]
    public void Fit_WhoseStateFindsNoRoom_GoesOnAndKeepsTheOldState()
    {
        string folder = TinyBase.Folder("llama"), whole = Path.Combine(_folder, "whole.state"),
            disk = Directory.CreateDirectory(Path.Combine(_folder, "disk")).FullName;
        string expected = ChildProcess.Run(FaceChild.Train, folder, whole).TrimEnd().Split('\n')[^1];
        // The state after the first step has room, no second one beside it.
        string[] lines = OnDisk(disk, new FileInfo(whole).Length + Page, $"\"$@\" && ls -A '{disk}' && \"$@\"",
            ChildProcess.Command(FaceChild.Train, folder, Path.Combine(disk, "training.state")));
        int listed = Array.IndexOf(lines, "training.state");
        Assert.AreEqual(expected, lines[listed - 1], "training went on without its state");
        Assert.AreEqual(expected, lines[^1], "the state that was there is whole");
        Assert.AreEqual("step 2", lines[listed + 1], "it is that of the first step, and nothing lies beside it");
    }

    private string Save()
    {
        string file = Path.Combine(_folder, "model.zip");
        using PrefixTuningTransformer model = TinyBase.Fit(Context, TinyBase.Quick with
        {
            Prefix = new PrefixOptions { Length = Length },
            Training = TinyBase.Quick.Training with { MaxSteps = 1 },
        });
        Context.Model.SaveAtomically(model, null, file);
        return file;
    }

    private static string[] OnDisk(string disk, long room, string script, string[] command)
    {
        if (Run(["bash", "-c", "unshare --user --map-root-user --mount true"]).ExitCode != 0)
            Assert.Inconclusive("This machine does not let a user mount a small disk (unshare).");
        (int exitCode, string output) =
            Run(["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", OnSmallDisk + script, "bash",
            $"{room}", disk, .. command]);
        Assert.AreEqual(0, exitCode, output);
        return output.TrimEnd().Split('\n');
    }

    private static (int ExitCode, string Output) Run(string[] command)
    {
        using Process process =
            Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }
}
