using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>A text with anything in it stays in its row.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TableWriterTests
{
    private const string Text = "first\r\nsecond\tthird, \"quoted\"\n\u2028fourth 🍵";

    [TestMethod]
    public void Write_TextWithLineBreaks_KeepsRowsApart()
    {
        Assert.AreEqual("first second third, \"quoted\"  fourth 🍵\n", Written(TableFormat.Text));
        Assert.AreEqual("In\tOut\na b\tfirst second third, \"quoted\"  fourth 🍵\n", Written(TableFormat.Tsv));
    }

    [TestMethod]
    [DataRow(nameof(TableFormat.Csv))]
    [DataRow(nameof(TableFormat.Jsonl))]
    public void Write_TextWithLineBreaks_ReadsBackWhole(string name)
    {
        TableFormat format = System.Enum.Parse<TableFormat>(name);
        using TableReader reader = TableReader.Open(new StringReader(Written(format)), "file", format, "");
        TableRow row = reader.Read()!;
        CollectionAssert.AreEqual(new[] { "In", "Out" }, reader.Columns.ToArray());
        CollectionAssert.AreEqual(new[] { "a\nb", Text }, row.Values.ToArray());
        Assert.IsNull(reader.Read());
    }

    [TestMethod]
    public void Write_ColumnThatWasThere_TakesItsPlace()
    {
        using var text = new StringWriter();
        using (TableWriter writer = TableWriter.Open(text, TableFormat.Tsv, ["Out", "Other"],
            [new AddedColumn("Out", 1)]))
            writer.Write(new TableRow("", ["old", "x"]), [["new"]]);
        Assert.AreEqual("Out\tOther\nnew\tx\n", text.ToString());
        using var json = new StringWriter();
        using JsonDocument own = JsonDocument.Parse("{\"Out\": \"old\", \"Other\": 1.0}");
        using (TableWriter writer = TableWriter.Open(json, TableFormat.Jsonl, ["Out", "Other"],
            [new AddedColumn("Out", 1)]))
            writer.Write(new TableRow("", ["old", "1.0"], own.RootElement), [["new"]]);
        Assert.AreEqual("{\"Other\":1.0,\"Out\":\"new\"}\n", json.ToString());
    }

    private static string Written(TableFormat format)
    {
        using var text = new StringWriter();
        using (TableWriter writer = TableWriter.Open(text, format, ["In"], [new AddedColumn("Out", 1)]))
            writer.Write(new TableRow("", ["a\nb"]), [[Text]]);
        return text.ToString();
    }
}
