using System;
using System.Diagnostics;
using System.IO;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>The command where its output or its errors cannot be written, as a process of its own.</summary>
[TestClass]
public sealed class FullOutputTests
{
    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    [DataRow("--help > /dev/full", ExitCode.Failed)]
    [DataRow("--version > /dev/full", ExitCode.Failed)]
    [DataRow("no-such-verb > /dev/full", ExitCode.Usage)]
    [DataRow("inspect no-such-file.zip 2> /dev/full", ExitCode.Failed)]
    public void Run_WhereNothingCanBeWritten_SaysItAndEndsAsFaultsDo(string line, int expected)
    {
        var start = new ProcessStartInfo("sh", ["-c", $"{string.Join(' ', ToolFolder.Command())} {line}"])
        {
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.AreEqual(expected, process.ExitCode, error);
        if (!line.Contains("2>", StringComparison.Ordinal))
            ToolCommandTests.AssertOneLine(error);
        if (expected == ExitCode.Failed && error.Length > 0)
            Assert.StartsWith("prefix-tune: Standard output could not be written: ", error);
    }

    [TestMethod]
    public void Write_OfAClosedStream_FailsForResultsAndNotForMessages()
    {
        using StandardStream messages = StandardStream.OfMessages(new ClosedStream());
        using StandardStream results = StandardStream.OfResults(new ClosedStream());
        messages.Write("a"u8);
        messages.Flush();
        var fault = Assert.ThrowsExactly<IOException>(() => results.Write("a"u8));
        Assert.AreEqual("Standard output could not be written: closed", fault.Message);
    }

    // As .NET's is where a process was started without it.
    private sealed class ClosedStream : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer) => throw new UnauthorizedAccessException("closed");

        public override void Flush() => throw new UnauthorizedAccessException("closed");
    }
}
