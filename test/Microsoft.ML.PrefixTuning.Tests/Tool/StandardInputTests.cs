using System.Diagnostics;
using System.IO;
using System.Text;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>The command where it has no standard input, as a process of its own.</summary>
[TestClass]
public sealed class StandardInputTests
{
    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void Run_OfClosedStandardInput_SaysThatItIsClosed()
    {
        (int code, string error) = Run($"generate --base '{ToolFolder.Base}' --max-new-tokens 1 <&- > /dev/null");
        Assert.AreEqual(ExitCode.Failed, code, error);
        Assert.Contains("standard input: expected rows, found it closed", error);
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void Run_OfWhatNeedsNoneOrHasOne_Works()
    {
        using var folder = new ToolFolder();
        string rows = folder.Write("rows.txt", "Venue");
        foreach (string line in (string[])["--version <&-",
            $"generate --base '{ToolFolder.Base}' --max-new-tokens 1 < '{rows}'"])
        {
            (int code, string error) = Run($"{line} > /dev/null");
            Assert.AreEqual(ExitCode.Done, code, error);
        }
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void Run_OfWideText_ReadsWhatAFileOfTheSameBytesHas()
    {
        using var folder = new ToolFolder();
        string rows = folder["rows.txt"];
        string file = $"generate '{rows}' --base '{ToolFolder.Base}' --max-new-tokens 4";
        string input = $"generate --base '{ToolFolder.Base}' --max-new-tokens 4 < '{rows}'";
        File.WriteAllText(rows, "Venue\nnäh\n", Encoding.Unicode);
        Assert.AreEqual(ExitCode.Done, Run($"{file} > '{folder["file"]}'").Code);
        Assert.AreEqual(ExitCode.Done, Run($"{input} > '{folder["input"]}'").Code);
        Assert.AreEqual(File.ReadAllText(folder["file"]), File.ReadAllText(folder["input"]));
        File.WriteAllText(rows, "Venue\n", new UnicodeEncoding(bigEndian: false, byteOrderMark: false));
        foreach (string line in (string[])[file, input])
        {
            (int code, string error) = Run($"{line} > /dev/null");
            Assert.AreEqual(ExitCode.Failed, code, error);
            Assert.Contains("found zero bytes, as UTF-16 and UTF-32 have them", error);
        }
    }

    private static (int Code, string Error) Run(string line)
    {
        // Reading something else in its place may never end.
        var start = new ProcessStartInfo("sh", ["-c", $"timeout 120 {string.Join(' ', ToolFolder.Command())} {line}"])
        {
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error);
    }
}
