using System;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using Parquet;
using Parquet.Schema;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>Tables in Parquet.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class ParquetTests
{
    private static readonly string[] Columns = ["Text", "Truth", "Int", "Long", "Float", "Double"];

    [TestMethod]
    public void Rows_OfEveryKind_ComeBackAsTheyWere()
    {
        using var folder = new ToolFolder();
        string[] rows =
        [
            """{"Text":"a\u0000é🍵","Truth":true,"Int":-5,"Long":9007199254740993,"Float":0.1,"Double":0.1}""",
            """{"Text":null,"Truth":null,"Int":null,"Long":null,"Float":null,"Double":null}""",
            """{"Text":"","Truth":false,"Int":3,"Long":4,"Float":"NaN","Double":"-Infinity"}""",
        ];
        var writer = new ParquetTableWriter(new FieldLayout(Columns, [new AddedColumn("New", 2)]),
            Enum.GetValues<ColumnKind>());
        string[] texts = [.. rows.Select(row => writer.Row(Row(row), [["one", "two"]]))];
        foreach (string name in (string[])["one.parquet", "again.parquet"])
        {
            using FileStream stream = File.Create(folder[name]);
            writer.WriteAll(stream, texts);
        }
        byte[] bytes = File.ReadAllBytes(folder["one.parquet"]);
        CollectionAssert.AreEqual(bytes, File.ReadAllBytes(folder["again.parquet"]), "the same rows, the same bytes");
        using (var reader = new ParquetReading(folder["one.parquet"], "one"))
        {
            CollectionAssert.AreEqual(Columns.Concat(["New", "New.2"]).ToArray(), reader.Columns.ToArray());
            foreach (string row in rows)
            {
                TableRow found = reader.Read()!;
                string json = string.Join(',',
                    found.Properties.Select(one => $"{JsonText.Quote(one.Name)}:{one.Json}"));
                Assert.AreEqual(row[..^1] + ",\"New\":\"one\",\"New.2\":\"two\"}", $"{{{json}}}");
            }
            Assert.IsNull(reader.Read());
        }
        using (FileStream stream = File.Create(folder["joined.parquet"]))
            ParquetTableWriter.Like(folder["one.parquet"]).Join(stream, [folder["one.parquet"]]);
        CollectionAssert.AreEqual(bytes, File.ReadAllBytes(folder["joined.parquet"]));
    }

    [TestMethod]
    public void Read_OfABrokenGroup_NamesTheFile()
    {
        using var folder = new ToolFolder();
        ParquetTableWriter writer = new(new FieldLayout(["Text"], []), [ColumnKind.Text]);
        using (JsonDocument row = JsonDocument.Parse("""{"Text":"a"}"""))
        using (FileStream stream = File.Create(folder["rows.parquet"]))
            writer.WriteAll(stream, [writer.Row(new JsonRow("row", ["Text"], row.RootElement), [])]);
        byte[] bytes = File.ReadAllBytes(folder["rows.parquet"]);
        // The name stands in the schema, and once more where the column's data lie.
        int last = bytes.AsSpan().LastIndexOf("Text"u8);
        Assert.AreNotEqual(bytes.AsSpan().IndexOf("Text"u8), last);
        bytes[last] ^= 1;
        File.WriteAllBytes(folder["rows.parquet"], bytes);
        using var reader = new ParquetReading(folder["rows.parquet"], "rows.parquet");
        string message = Assert.ThrowsExactly<FormatException>(() => reader.Read()).Message;
        Assert.StartsWith("rows.parquet, behind row 0: expected a group of rows, found a broken one: ", message);
    }

    [TestMethod]
    [DataRow("jsonl", "{\"\":\"7\",\"a\":\"x\"}")]
    [DataRow("csv", ",a\n7,x")]
    public void Row_WithAColumnWithoutAName_KeepsItsValueUnderANewOne(string format, string text)
    {
        using TableReader reader = TableReader.Open(new StringReader(text), "rows",
            Enum.Parse<TableFormat>(format, ignoreCase: true), "");
        // The new column has the name that the other one would get.
        var writer = TableWriter.Make(TableFormat.Parquet, reader.Columns, [new AddedColumn("Column0", 1)]);
        string row = writer.Row(reader.Read()!, [["new"]]);
        Assert.AreEqual("{\"Column0_\":\"7\",\"a\":\"x\",\"Column0\":\"new\"}\n", row);
        using var folder = new ToolFolder();
        using (FileStream stream = File.Create(folder["unnamed.parquet"]))
            writer.WriteAll(stream, [row]);
        using var written = new ParquetReading(folder["unnamed.parquet"], "unnamed");
        Assert.AreEqual("7", written.Read()!.TextOrNull(0));
    }

    [TestMethod]
    public void Row_WithMoreTextsOfAFormerRun_LosesThemAndKeepsTheKindsOfOthers()
    {
        string[] columns = ["Out", "Out.2", "Out.3", "N"];
        TableWriter writer = TableWriter.Make(TableFormat.Parquet, columns, [new AddedColumn("Out", 2)],
            [ColumnKind.Text, ColumnKind.Text, ColumnKind.Text, ColumnKind.Int]);
        using JsonDocument json = JsonDocument.Parse("""{"Out":"a","Out.2":"b","Out.3":"c","N":7}""");
        string row = writer.Row(new JsonRow("row", columns, json.RootElement), [["x", "y"]]);
        Assert.AreEqual("{\"Out\":\"x\",\"Out.2\":\"y\",\"N\":7}\n", row);
        using var folder = new ToolFolder();
        using (FileStream stream = File.Create(folder["fewer.parquet"]))
            writer.WriteAll(stream, [row]);
        using var written = new ParquetReading(folder["fewer.parquet"], "fewer");
        Assert.AreEqual((ColumnKind.Int, "7"), (written.Kinds[^1], written.Read()!.TextOrNull(2)));
    }

    [TestMethod]
    public void Skip_OverGroupsOfRows_ComesToTheRow()
    {
        using var folder = new ToolFolder();
        const int Count = 140_000, Group = 1 << 16;
        var writer = new ParquetTableWriter(new FieldLayout(["N"], []), [ColumnKind.Int]);
        using (FileStream stream = File.Create(folder["many.parquet"]))
            writer.WriteAll(stream, Enumerable.Range(0, Count).Select(i => $"{{\"N\":{i}}}\n"));
        foreach (int first in (int[])[0, 1, Group - 1, Group, Group + 1, 2 * Group, Count - 1])
        {
            using var reader = new ParquetReading(folder["many.parquet"], "many");
            reader.Skip(first);
            TableRow row = reader.Read()!;
            Assert.AreEqual(($"{first}", $"many, row {first + 1}"), (row.TextOrNull(0), row.Place));
            reader.Skip(Group);
            int next = first + 1 + Group;
            Assert.AreEqual(next < Count ? $"{next}" : null, reader.Read()?.TextOrNull(0));
        }
        using var behind = new ParquetReading(folder["many.parquet"], "many");
        behind.Skip(Count);
        Assert.IsNull(behind.Read());
    }

    [TestMethod]
    public void Open_OfAnotherFileOrKind_SaysWhatIsExpected()
    {
        using var folder = new ToolFolder();
        string other = folder.Write("other.parquet", "no table");
        var fault = Assert.ThrowsExactly<FormatException>(() => new ParquetReading(other, "other"));
        Assert.Contains("other: expected a Parquet file, found another", fault.Message);
        using (FileStream stream = File.Create(folder["dates.parquet"]))
        {
            var schema = new ParquetSchema(new DataField<DateTime>("When"));
            ParquetWriter.CreateAsync(schema, stream).GetAwaiter().GetResult().DisposeAsync().AsTask().GetAwaiter()
                .GetResult();
        }
        fault = Assert.ThrowsExactly<FormatException>(() => new ParquetReading(folder["dates.parquet"], "dates"));
        Assert.Contains("dates, column 'When': expected texts, whole numbers", fault.Message);
    }

    private static JsonRow Row(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return new JsonRow("row", Columns, document.RootElement.Clone());
    }
}
