using System;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>Texts as they are typed, and as they are shown.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class EscapedTextTests
{
    [TestMethod]
    [DataRow("plain", "plain")]
    [DataRow(@"a\nb\tc\\n", "a\nb\tc\\n")]
    [DataRow("", "")]
    public void Read_OfATypedText_GivesWhatIsMeant(string typed, string text)
    {
        Assert.AreEqual(text, EscapedText.Read(typed));
        Assert.AreEqual(typed, EscapedText.Write(text));
    }

    [TestMethod]
    [DataRow(@"C:\new\rows")]
    [DataRow(@"\u0041")]
    [DataRow(@"end\")]
    public void Read_OfAnotherBackslash_NamesTheThree(string typed)
    {
        var fault = Assert.ThrowsExactly<FormatException>(() => EscapedText.Read(typed));
        Assert.AreEqual($@"expected \n, \t or \\ where there is a backslash, found '{typed}'.", fault.Message);
    }

    [TestMethod]
    [DataRow("--template", @"{input}\r")]
    [DataRow("--stop-strings", @"\x")]
    [DataRow("--banned-words", @"a\b")]
    [DataRow("--drift-text", @"\d")]
    [DataRow("--prefix-start", @"text:\q")]
    public void Run_WithAnotherBackslash_IsAnErrorOfTheCommandLine(string option, string value)
    {
        using var folder = new ToolFolder();
        ToolRun run =
            ToolFolder.Run("train", folder.WriteRows("rows.tsv"), "--base", ToolFolder.Base, "--input", "Input",
            "--label", "Label", "--model", folder["model.zip"], option, value);
        Assert.AreEqual(PrefixTuning.Tool.ExitCode.Usage, run.Code, run.Error);
        Assert.Contains($@"{option}: expected \n, \t or \\ where there is a backslash", run.Error);
    }
}
