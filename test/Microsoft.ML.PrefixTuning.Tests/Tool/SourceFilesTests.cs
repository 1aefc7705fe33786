using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>A pattern finds the files that a shell would find, and says so of one that is not there yet.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class SourceFilesTests
{
    private static readonly string[] Names =
        [".hidden.csv", "._r1.csv", "r.csv", "r1.csv", "r12.csv", "r1.csv.gz", "rows", "s1.tsv"];

    [TestMethod]
    [DataRow("r?.csv", "r1.csv")]
    [DataRow("r??.csv", "r12.csv")]
    [DataRow("r*.csv", "r.csv r1.csv r12.csv")]
    [DataRow("*.csv", "r.csv r1.csv r12.csv")]
    [DataRow("?*.csv", "r.csv r1.csv r12.csv")]
    [DataRow("*.*", "r.csv r1.csv r1.csv.gz r12.csv s1.tsv")]
    [DataRow("*", "r.csv r1.csv r1.csv.gz r12.csv rows s1.tsv")]
    [DataRow("*1.?sv", "r1.csv s1.tsv")]
    [DataRow("row?", "rows")]
    [DataRow(".*.csv", "._r1.csv .hidden.csv")]
    [DataRow("rows?", "")]
    public void Of_APattern_IsWhatAShellFinds(string pattern, string expected)
    {
        using var folder = new ToolFolder();
        string data = folder[pattern];
        foreach (string name in Names)
            Assert.AreEqual(expected.Split(' ').Contains(name), SourceFiles.WouldBe(data, folder[name]), name);
        foreach (string name in Names)
            folder.Write(name);
        if (expected.Length == 0)
            Assert.ThrowsExactly<FileNotFoundException>(() => SourceFiles.Of(data));
        else
            Assert.AreEqual(expected, string.Join(' ', SourceFiles.Of(data).Select(path => Path.GetFileName(path))));
    }
}
