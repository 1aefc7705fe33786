using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>A file of texts is the former one until all rows are there, and no row is written twice.</summary>
[TestClass]
public sealed class GenerateResumeTests
{
    private const string Former = "what was there\n";

    private static readonly string[] Inputs = [.. TinyBase.Rows(9).Select(row => row.Input)];

    private static readonly ToolFolder Folder = new();
    private static string s_model = "";

    [ClassInitialize]
    public static void Train(TestContext _) => s_model = Folder.Train(options: ["--look-ahead", "2"]);

    [ClassCleanup]
    public static void DeleteFolder() => Folder.Dispose();

    [TestMethod]
    [DataRow("csv")]
    [DataRow("tsv")]
    [DataRow("jsonl")]
    [DataRow("json")]
    [DataRow("txt")]
    public void Run_WithAFailingRow_KeepsTheFormerFileAndTheRowsBeforeIt(string format)
    {
        string to = Folder[$"failing.{format}"];
        // The row lacks its input; it is found when rows before it are written.
        string source = WriteRows("failing-rows.jsonl", [.. Inputs.Take(5), null, .. Inputs.Skip(6)]);
        File.WriteAllText(to, Former);
        ToolRun failed = Generate(source, to);
        Assert.AreEqual(ExitCode.Failed, failed.Code, failed.Error);
        Assert.Contains("line 6", failed.Error);
        Assert.Contains(PartialFile.PathFor(to), failed.Error);
        Assert.AreEqual(Former, File.ReadAllText(to));

        Assert.AreEqual(4, File.ReadAllLines(PartialFile.PathFor(to)).Length - 1, "the rows of the windows before it");
        ToolRun refused = Generate(WriteRows("failing-rows.jsonl", Inputs), to);
        Assert.AreEqual(ExitCode.Failed, refused.Code, refused.Error);
        Assert.Contains("another source", refused.Error);
        Assert.AreEqual(Former, File.ReadAllText(to));
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    [DataRow("csv")]
    [DataRow("jsonl")]
    [DataRow("json")]
    public void Run_OfTheSameCommandAfterAKill_GivesTheSameBytes(string format)
    {
        string rows = WriteRows("killed-rows.jsonl", Inputs), to = Folder[$"killed.{format}"];
        Assert.AreEqual(ExitCode.Done, Generate(rows, to).Code);
        byte[] whole = File.ReadAllBytes(to);
        byte[] partial = PartialOf(rows, to);
        foreach (int length in (int[])[partial.Length, partial.Length - 1, partial.Length / 2, partial.Length / 3])
        {
            File.WriteAllText(to, Former);
            File.WriteAllBytes(PartialFile.PathFor(to), partial[..length]);
            ToolRun run = Generate(rows, to);
            Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
            CollectionAssert.AreEqual(whole, File.ReadAllBytes(to), $"{length} of {partial.Length} bytes");
            Assert.IsFalse(File.Exists(PartialFile.PathFor(to)));
        }
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void Run_OfAnotherCommand_IsRefusedWithTheRemedy()
    {
        string rows = WriteRows("other.jsonl", Inputs), to = Folder["other.tsv"];
        File.WriteAllBytes(PartialFile.PathFor(to), PartialOf(rows, to));
        foreach (string[] options in (string[][])[["--max-new-tokens", "4"], ["--decoding", "sampling"],
            ["--to-format", "csv"]])
            AssertRefused(Generate(rows, to, options));
        AssertRefused(ToolFolder.Run("generate", rows, "--base", ToolFolder.Base, "--input", "Input", "--to", to));
        AssertRefused(Generate(WriteRows("another.jsonl", [.. Inputs.Reverse()]), to));
        string other = Folder.Train("other.zip", options: ["--learning-rate", "0.3"]);
        AssertRefused(ToolFolder.Run("generate", rows, "--model", other, "--to", to));
        Assert.AreEqual(ExitCode.Done, Generate(rows, to).Code);

        static void AssertRefused(ToolRun run)
        {
            Assert.AreEqual(ExitCode.Failed, run.Code, run.Error);
            Assert.Contains("delete the file", run.Error);
        }
    }

    [TestMethod]
    [OSCondition(ConditionMode.Include, OperatingSystems.Linux | OperatingSystems.OSX)]
    public void Run_InterruptedWhileItReads_KeepsWholeRowsAndGoesOn()
    {
        string to = Folder["interrupted.tsv"];
        string[] lines = ["Input", .. Inputs];
        ToolRun whole = ToolFolder.RunWith(Joined(lines), "generate", "--model", s_model, "--format", "tsv", "--to",
            Folder["uninterrupted.tsv"]);
        Assert.AreEqual(ExitCode.Done, whole.Code, whole.Error);
        File.WriteAllText(to, Former);
        using (Process child = ToolFolder.Start("generate", "--model", s_model, "--format", "tsv", "--to", to))
        {
            child.StandardInput.Write(Joined(lines[..5]));
            child.StandardInput.Flush();
            // Four rows are read and kept; the fifth never comes.
            SpinWait.SpinUntil(() =>
                child.HasExited || CountLines(PartialFile.PathFor(to)) == 5);
            using (Process kill = Process.Start("kill", ["-INT", $"{child.Id}"]))
                kill.WaitForExit();
            child.WaitForExit();
            Assert.AreEqual(ExitCode.Cancelled, child.ExitCode);
            Assert.Contains(PartialFile.PathFor(to), child.StandardError.ReadToEnd());
        }
        Assert.AreEqual(Former, File.ReadAllText(to));
        ToolRun refused = ToolFolder.RunWith(Joined([.. lines[..2], "other", .. lines[3..]]), "generate", "--model",
            s_model, "--format", "tsv", "--to", to);
        Assert.AreEqual(ExitCode.Failed, refused.Code, refused.Error);
        Assert.Contains("standard input, line 3", refused.Error);
        ToolRun again = ToolFolder.RunWith(Joined(lines), "generate", "--model", s_model, "--format", "tsv", "--to",
            to);
        Assert.AreEqual(ExitCode.Done, again.Code, again.Error);
        Assert.AreEqual(File.ReadAllText(Folder["uninterrupted.tsv"]), File.ReadAllText(to));
    }

    [TestMethod]
    [OSCondition(ConditionMode.Include, OperatingSystems.Linux | OperatingSystems.OSX)]
    public void Run_ToADevice_WritesToIt()
    {
        ToolRun run = Generate(WriteRows("device.jsonl", Inputs), "/dev/null");
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.IsFalse(File.Exists("/dev/null.partial"));
    }

    [TestMethod]
    public void Run_OfNoRows_ReplacesTheFormerFile()
    {
        File.WriteAllText(Folder["none.json"], Former);
        Assert.AreEqual(ExitCode.Done, Generate(Folder.Write("none.jsonl"), Folder["none.json"]).Code);
        Assert.AreEqual("[\n\n]\n", File.ReadAllText(Folder["none.json"]));
    }

    /// <summary>What a run leaves that may write no file of more than so many bytes.</summary>
    private static byte[] PartialOf(string rows, string to)
    {
        // The runtime maps a large file where it separates writing from executing.
        string[] command = ["env", "DOTNET_EnableWriteXorExecute=0", .. ToolFolder.Command("generate", rows,
            "--model", s_model, "--to", to)];
        using Process child = Process.Start(new ProcessStartInfo("bash", ["-c",
            "trap '' XFSZ; ulimit -f 64; exec \"$@\"", "bash", .. command])
        { RedirectStandardError = true })!;
        string error = child.StandardError.ReadToEnd();
        child.WaitForExit();
        Assert.AreEqual(ExitCode.Failed, child.ExitCode, error);
        return File.ReadAllBytes(PartialFile.PathFor(to));
    }

    private static string WriteRows(string name, params IEnumerable<string?> inputs) => Folder.Write(name,
        [.. inputs.Select((input, i) =>
            $"{{\"Number\":\"{i,20000}\"{(input is null ? "" : $",\"Input\":{JsonText.Quote(input)}")}}}")]);

    private static ToolRun Generate(string rows, string to, params string[] options) =>
        ToolFolder.Run(["generate", rows, "--model", s_model, "--to", to, .. options]);

    private static string Joined(IEnumerable<string> lines) => string.Concat(lines.Select(line => line + "\n"));

    /// <summary>Lines of a file that another process has locked.</summary>
    private static int CountLines(string path)
    {
        using Process count = Process.Start(new ProcessStartInfo("wc", ["-l", path])
        {
            RedirectStandardOutput =
            true,
            RedirectStandardError = true
        })!;
        string output = count.StandardOutput.ReadToEnd();
        count.WaitForExit();
        return count.ExitCode == 0 ? int.Parse(output.Split(' ')[0], CultureInfo.InvariantCulture) : 0;
    }
}
