using System;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tool;
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
    [DataRow(nameof(TableFormat.Json))]
    public void Write_TextWithLineBreaks_ReadsBackWhole(string name)
    {
        TableFormat format = Enum.Parse<TableFormat>(name);
        using TableReader reader = TableReader.Open(new StringReader(Written(format)), "file", format, "");
        TableRow row = reader.Read()!;
        CollectionAssert.AreEqual(new[] { "In", "Out" }, reader.Columns.ToArray());
        CollectionAssert.AreEqual(new[] { "a\nb", Text }, Enumerable.Range(0, 2).Select(row.Text).ToArray());
        Assert.IsNull(reader.Read());
    }

    [TestMethod]
    public void Write_ColumnThatWasThere_TakesItsPlace()
    {
        TableRow row = new FieldRow("", ["Out", "Other"], ["old", "x"]);
        TableWriter tsv = TableWriter.Make(TableFormat.Tsv, row.Columns, [new AddedColumn("Out", 1)]);
        Assert.AreEqual("Out\tOther\nnew\tx\n", tsv.Start + tsv.Row(row, [["new"]]));
        Assert.AreEqual("{\"Other\":1.0,\"Out\":\"new\"}\n", Json("{\"Out\": \"old\", \"Other\": 1.0}", "new"));
    }

    [TestMethod]
    public void Write_JsonProperties_KeepsThemAsTheyWere() => Assert.AreEqual(
        "{\"A\":[ 1, 2 ],\"B\":\"\\ud83c\\u00e4\",\"\":1e3,\"C 🍵\":null,\"Out\":\"🍵\"}\n",
        Json("{\"A\" : [ 1, 2 ], \"B\":\"\\ud83c\\u00e4\", \"\":1e3, \"C 🍵\" :null }", "🍵"));

    [TestMethod]
    public void Write_FieldsWithoutName_NamesThemInJson()
    {
        TableRow row = new FieldRow("", ["", "Column0", "In", ""], ["a", "b", "c", "d"]);
        Assert.AreEqual("{\"Column0_\":\"a\",\"Column0\":\"b\",\"In\":\"c\",\"Column3\":\"d\",\"Out\":\"x\"}\n",
            TableWriter.Make(TableFormat.Jsonl, row.Columns, [new AddedColumn("Out", 1)]).Row(row, [["x"]]));
    }

    [TestMethod]
    [DataRow("a\rb", "\"a\rb\"")]
    [DataRow("a\nb", "\"a\nb\"")]
    [DataRow("a,b", "\"a,b\"")]
    [DataRow("a\"b", "\"a\"\"b\"")]
    [DataRow(" a", "\" a\"")]
    [DataRow("a b\tc", "a b\tc")]
    public void Write_CsvField_IsQuotedWhereAReaderNeedsIt(string text, string expected)
    {
        TableWriter csv = TableWriter.Make(TableFormat.Csv, ["In"], [new AddedColumn("Out", 1)]);
        Assert.AreEqual($"x,{expected}\n", csv.Row(new FieldRow("", ["In"], ["x"]), [[text]]));
    }

    [TestMethod]
    public void Write_CsvRowOfOneEmptyText_IsNoEmptyLine() => Assert.AreEqual("\"\"\n",
        TableWriter.Make(TableFormat.Csv, ["Out"], [new AddedColumn("Out", 1)]).Row(new FieldRow("", ["Out"], ["x"]),
            [[""]]));

    [TestMethod]
    public void Write_PropertyThatTheFirstRowLacks_IsRefusedWhereThereIsNoColumn()
    {
        using TableReader reader =
            TableReader.Open(new StringReader("{\"A\": 1}\n{\"A\": 2, \"B\": 3}\n"), "file", TableFormat.Jsonl, "");
        TableWriter csv = TableWriter.Make(TableFormat.Csv, reader.Columns, [new AddedColumn("Out", 1)]);
        Assert.AreEqual("1,x\n", csv.Row(reader.Read()!, [["x"]]));
        TableRow row = reader.Read()!;
        Assert.Contains("line 2: expected the properties of the first row, found 'B' too",
            Assert.ThrowsExactly<FormatException>(() => csv.Row(row, [["x"]])).Message);
        Assert.AreEqual("{\"A\":2,\"B\":3,\"Out\":\"x\"}\n",
            TableWriter.Make(TableFormat.Jsonl, reader.Columns, [new AddedColumn("Out", 1)]).Row(row, [["x"]]));
    }

    /// <summary>Rows of a run with three texts have two now: the third is not left beside them.</summary>
    [TestMethod]
    [DataRow(nameof(TableFormat.Tsv), "Out\tOther\tOut.2\n", "x\to\ty\n")]
    [DataRow(nameof(TableFormat.Csv), "Out,Other,Out.2\n", "x,o,y\n")]
    [DataRow(nameof(TableFormat.Jsonl), "", "{\"Other\":\"o\",\"Out\":[\"x\",\"y\"]}\n")]
    public void Write_RowsOfAFormerRunWithMoreTexts_LosesThem(string format, string start, string line)
    {
        TableRow row = new FieldRow("", ["Out", "Other", "Out.2", "Out.3"], ["a", "o", "b", "c"]);
        AddedColumn added = new("Out", 2);
        TableWriter writer = TableWriter.Make(Enum.Parse<TableFormat>(format), row.Columns, [added]);
        Assert.AreEqual((start, line), (writer.Start, writer.Row(row, [["x", "y"]])));
        CollectionAssert.AreEqual(new[] { "Out.2", "Out.3" }, added.Former(row.Columns).ToArray());
    }

    [TestMethod]
    public void Write_ColumnThatNoFormerRunWrote_IsKeptOrRefused()
    {
        AddedColumn several = new("Out", 2);
        Assert.Contains("expected rows without a column 'Out.2'", Assert.ThrowsExactly<FormatException>(() =>
            TableWriter.Make(TableFormat.Csv, ["In", "Out.2"], [several])).Message);
        Assert.AreEqual("Out,Out.3,Out.2\n",
            TableWriter.Make(TableFormat.Csv, ["Out", "Out.3"], [several]).Start, "the second is missing");
        Assert.AreEqual("In,Out.2,Out\n",
            TableWriter.Make(TableFormat.Csv, ["In", "Out.2"], [new AddedColumn("Out", 1)]).Start);
        Assert.AreEqual("Out,Out.2\n", TableWriter.Make(TableFormat.Csv, ["Out", "Out.2"],
            [new AddedColumn("Out", 1) { IsSingle = true }]).Start, "messages are never several");
    }

    [TestMethod]
    public void Check_OfColumnsThatHideEachOther_NamesTheOne()
    {
        AddedColumn[] added = [new("Out", 2), new("Out.2", 1)];
        foreach (TableFormat format in (TableFormat[])[TableFormat.Tsv, TableFormat.Csv, TableFormat.Parquet])
        {
            Assert.Contains("found 'Out.2' twice",
                Assert.ThrowsExactly<UsageException>(() => AddedColumn.Check(format, added)).Message);
        }
        // Several texts are one array there.
        AddedColumn.Check(TableFormat.Json, added);
        AddedColumn.Check(TableFormat.Jsonl, added);
        AddedColumn.Check(TableFormat.Text, [new("Out", 1)]);
    }

    [TestMethod]
    public void Write_NamesThatAreOneInALine_IsRefused()
    {
        string[] columns = ["a b", "a\tb"];
        Assert.Contains("found 'a b' twice", Assert.ThrowsExactly<FormatException>(() =>
            TableWriter.Make(TableFormat.Tsv, columns, [new AddedColumn("Out", 1)])).Message);
        Assert.AreEqual("a b,a\tb,Out\n",
            TableWriter.Make(TableFormat.Csv, columns, [new AddedColumn("Out", 1)]).Start);
        Assert.AreEqual("\t\tOut\n", TableWriter.Make(TableFormat.Tsv, ["", ""], [new AddedColumn("Out", 1)]).Start);
    }

    [TestMethod]
    [DataRow(nameof(TableFormat.Csv), "b,x\n")]
    [DataRow(nameof(TableFormat.Parquet), "{\"In\":\"b\",\"Out\":\"x\"}\n")]
    public void Write_FormerTextThatTheFirstRowLacks_IsReplaced(string name, string expected)
    {
        using TableReader reader = TableReader.Open(
            new StringReader("{\"In\":\"a\"}\n{\"In\":\"b\",\"Out\":\"old\"}\n"), "file", TableFormat.Jsonl, "");
        TableWriter writer =
            TableWriter.Make(Enum.Parse<TableFormat>(name), reader.Columns, [new AddedColumn("Out", 1)]);
        reader.Read();
        Assert.AreEqual(expected, writer.Row(reader.Read()!, [["x"]]));
    }

    private static string Json(string line, string text)
    {
        using TableReader reader = TableReader.Open(new StringReader(line), "file", TableFormat.Jsonl, "");
        return TableWriter.Make(TableFormat.Jsonl, reader.Columns, [new AddedColumn("Out", 1)]).Row(reader.Read()!,
            [[text]]);
    }

    private static string Written(TableFormat format)
    {
        TableWriter writer = TableWriter.Make(format, ["In"], [new AddedColumn("Out", 1)]);
        return writer.Start + writer.Row(new FieldRow("", ["In"], ["a\nb"]), [[Text]]) + writer.End;
    }
}
