using System.IO;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>What a file's name and content say of its format, and what they leave open.</summary>
[TestClass]
public sealed class TableFormatTests
{
    [TestMethod]
    [DataRow("rows.TSV", "x\n", nameof(TableFormat.Tsv))]
    [DataRow("rows.csv", "[\n", nameof(TableFormat.Csv))]
    [DataRow("rows.ndjson", "", nameof(TableFormat.Jsonl))]
    [DataRow("rows.json", "\n [{}]", nameof(TableFormat.Json))]
    [DataRow("rows.json", "{}\n{}", nameof(TableFormat.Jsonl))]
    [DataRow("rows.dat", " {}\n{}", nameof(TableFormat.Jsonl))]
    [DataRow("rows", "\ufeff[{}]", nameof(TableFormat.Json))]
    [DataRow("rows.txt", "[{}]", nameof(TableFormat.Text))]
    public void OfInput_OfAFile_IsItsEndingsOrJson(string name, string content, string expected)
    {
        using var folder = new ToolFolder();
        File.WriteAllText(folder[name], content);
        Assert.AreEqual(expected, $"{TableFormats.OfInput(null, folder[name], TableFormat.Text)}");
        Assert.AreEqual(TableFormat.Csv, TableFormats.OfInput(TableFormat.Csv, folder[name], TableFormat.Text));
    }

    [TestMethod]
    [DataRow("rows.json", "\"text\"")]
    [DataRow("rows.json", "")]
    [DataRow("rows.dat", "a\tb\n")]
    [DataRow("rows", "a,b\n")]
    [DataRow("rows.tsv.gz", "x")]
    public void OfInput_OfAnythingElse_IsRefusedWithTheFormats(string name, string content)
    {
        using var folder = new ToolFolder();
        File.WriteAllText(folder[name], content);
        string message = Assert.ThrowsExactly<UsageException>(() =>
            TableFormats.OfInput(null, folder[name], TableFormat.Text)).Message;
        foreach (string expected in (string[])[name, "tsv (.tsv, .tab)", "csv (.csv)", "jsonl (.jsonl, .ndjson)",
            "json (.json)", "text (.txt)", "--format"])
            Assert.Contains(expected, message);
    }

    [TestMethod]
    public void OfOutput_OfAName_IsItsEndings()
    {
        Assert.AreEqual(TableFormat.Json, TableFormats.OfOutput(null, "out.json", TableFormat.Csv));
        Assert.AreEqual(TableFormat.Tsv, TableFormats.OfOutput(null, "out.tab", TableFormat.Csv));
        Assert.AreEqual(TableFormat.Csv, TableFormats.OfOutput(null, TableFormats.Standard, TableFormat.Csv));
        Assert.AreEqual(TableFormat.Csv, TableFormats.OfOutput(TableFormat.Csv, "out.dat", TableFormat.Tsv));
        foreach (string name in (string[])["out", "out.dat", "out.json5"])
        {
            string message = Assert.ThrowsExactly<UsageException>(() =>
                TableFormats.OfOutput(null, name, TableFormat.Csv)).Message;
            Assert.Contains("--to-format", message);
            Assert.Contains("json (.json)", message);
        }
    }

    [TestMethod]
    [OSCondition(ConditionMode.Include, OperatingSystems.Linux | OperatingSystems.OSX)]
    public void Of_ADevice_IsThatOfStandardInputAndOutput()
    {
        Assert.AreEqual(TableFormat.Csv, TableFormats.OfOutput(null, "/dev/null", TableFormat.Csv));
        Assert.AreEqual(TableFormat.Text, TableFormats.OfInput(null, "/dev/null", TableFormat.Text));
    }
}
