using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>What is read of a table, and what is refused with its place.</summary>
[TestClass]
public sealed class TableReaderTests
{
    [TestMethod]
    [DataRow("\n{\"A\": \"x\"}\n  \n\t\n{\"A\": \"y\"}\n\n", nameof(TableFormat.Jsonl))]
    [DataRow("[{\"A\": \"x\"},\n {\"A\": \"y\"}]", nameof(TableFormat.Json))]
    [DataRow(" \n[ {\"A\":\n\"x\"} , {\"A\": \"y\" }\n ]\n ", nameof(TableFormat.Json))]
    public void Read_OfJson_PassesOverWhatIsBlank(string text, string format) =>
        CollectionAssert.AreEqual(new[] { "x", "y" }, Read(text, format).Select(row => row.Text(0)).ToArray());

    [TestMethod]
    [DataRow("[]", nameof(TableFormat.Json))]
    [DataRow("\n\n", nameof(TableFormat.Jsonl))]
    public void Read_OfNoObject_IsEmpty(string text, string format) => Assert.IsEmpty(Read(text, format));

    [TestMethod]
    public void Read_OfArray_TakesBracketsInTextsAsTexts()
    {
        TableRow row = Read(@"[{""A"": ""}]\""{[\\"", ""B"": {""C"": [1, {}]}}]", nameof(TableFormat.Json)).Single();
        Assert.AreEqual("}]\"{[\\", row.Text(0));
        Assert.AreEqual("{\"C\": [1, {}]}", row.Field(1));
    }

    [TestMethod]
    [DataRow("{\"A\": 1}", nameof(TableFormat.Json), "line 1: expected an array of JSON objects, found '{'")]
    [DataRow("", nameof(TableFormat.Json), "found the end of the file")]
    [DataRow("[{\"A\": 1}\n{\"A\": 1}]", nameof(TableFormat.Json),
        "line 2 (row 1): expected ',' or ']' behind an object, found '{'")]
    [DataRow("[{\"A\": 1},\n2]", nameof(TableFormat.Json), "line 2 (row 2): expected a JSON object, found '2'")]
    [DataRow("[{\"A\": 1},]", nameof(TableFormat.Json), "(row 2): expected a JSON object, found ']'")]
    [DataRow("[{\"A\": 1}", nameof(TableFormat.Json), "found the end of the file")]
    [DataRow("[{\"A\": [1", nameof(TableFormat.Json), "expected '}', found the end of the file")]
    [DataRow("[{\"A\": 1}] x", nameof(TableFormat.Json), "expected nothing behind the array, found 'x'")]
    [DataRow("[{\"A\": 1},{\"A\" 1}]", nameof(TableFormat.Json),
        "line 1 (row 2): expected a JSON object, found something else")]
    [DataRow("{\"A\": 1}\n\n{\"A\": }\n", nameof(TableFormat.Jsonl),
        "line 3: expected a JSON object, found something else")]
    [DataRow("{\"A\": 1,}\n", nameof(TableFormat.Jsonl), "line 1: expected a JSON object, found something else")]
    [DataRow("{\"A\": 1}\n{\"A\": 1, \"A\": 2}\n", nameof(TableFormat.Jsonl),
        "line 2: the property 'A' is there twice")]
    public void Read_OfBrokenJson_SaysWhere(string text, string format, string expected)
    {
        string message = Assert.ThrowsExactly<FormatException>(() => Read(text, format)).Message;
        Assert.Contains(expected, message);
        Assert.DoesNotContain("LineNumber", message);
        Assert.DoesNotContain("reader options", message);
    }

    [TestMethod]
    public void Text_OfJson_IsJudgedWhenItIsAskedFor()
    {
        const string json = @"{""A"": [1, 2], ""B"": {""C"": 1}"
            + @", ""D"": null, ""E"": 1.50, ""F"": true, ""G"": ""\ud83c""}";
        TableRow row = Read(json, nameof(TableFormat.Jsonl)).Single();
        Assert.AreEqual("file, line 1, column 'A': expected a text, found an array.", Refusal(() => row.Text(0)));
        Assert.AreEqual("file, line 1, column 'B': expected a text, found an object.", Refusal(() => row.Text(1)));
        CollectionAssert.AreEqual(new[] { "", "1.50", "true", "\ufffd" }, Enumerable.Range(2,
            4).Select(row.Text).ToArray());
        CollectionAssert.AreEqual(new[] { "[1, 2]", "{\"C\": 1}" }, new[] { row.Field(0), row.Field(1) });
    }

    [TestMethod]
    public void Texts_OfJson_AreThoseOfAnArray()
    {
        const string json = @"{""A"": [""x"", ""y""], ""B"": ""z"", ""C"": []"
            + @", ""D"": [""x"", 1], ""E"": [null], ""F"": {}, ""G"": [[""x""]]}";
        TableRow row = Read(json, nameof(TableFormat.Jsonl)).Single();
        CollectionAssert.AreEqual(new[] { "x", "y" }, row.Texts(0).ToArray());
        CollectionAssert.AreEqual(new[] { "z" }, row.Texts(1).ToArray());
        Assert.IsEmpty(row.Texts(2));
        Assert.AreEqual(("x", "z"), (row.FirstText(0), row.FirstText(1)));
        Assert.Contains("column 'C': expected a text, found an empty array", Refusal(() => row.FirstText(2)));
        Assert.Contains("column 'D': expected texts, found a number as number 2 of an array", Refusal(() =>
            row.Texts(3)));
        Assert.Contains("column 'E': expected texts, found null as number 1 of an array", Refusal(() => row.Texts(4)));
        Assert.Contains("column 'F': expected a text, found an object", Refusal(() => row.Texts(5)));
        Assert.Contains("column 'G': expected texts, found an array as number 1 of an array", Refusal(() =>
            row.FirstText(6)));
    }

    [TestMethod]
    [DataRow(",In,\n0,a,b\n", nameof(TableFormat.Csv))]
    [DataRow("\tIn\t\n0\ta\tb\n", nameof(TableFormat.Tsv))]
    [DataRow("{\"\": \"0\", \"In\": \"a\"}\n", nameof(TableFormat.Jsonl))]
    public void Read_OfColumnsWithoutName_KeepsThem(string text, string format)
    {
        TableRow row = Read(text, format).Single();
        Assert.AreEqual(("", "In"), (row.Columns[0], row.Columns[1]));
        Assert.AreEqual(("0", "a"), (row.Text(0), row.Text(1)));
    }

    [TestMethod]
    [DataRow("utf-8")]
    [DataRow("utf-16")]
    [DataRow("utf-16BE")]
    [DataRow("utf-32")]
    [DataRow("utf-32BE")]
    public void Read_OfAFileWithAByteOrderMark_IsInItsEncodingAndStrict(string name)
    {
        using var folder = new ToolFolder();
        Encoding encoding = Encoding.GetEncoding(name);
        byte[] whole = [.. encoding.Preamble, .. encoding.GetBytes("In\nnäh 🍵\n")];
        File.WriteAllBytes(folder["rows.tsv"], whole);
        Assert.AreEqual("näh 🍵", FirstText());
        // The first byte of a further character, or of half a one.
        File.WriteAllBytes(folder["rows.tsv"], [.. whole, 0xd8]);
        Assert.Contains($"expected {name.ToUpperInvariant()}, found other bytes",
            Assert.ThrowsExactly<FormatException>(() => FirstText()).Message);

        string FirstText()
        {
            using IRowReader reader =
                new TableInput(folder["rows.tsv"], TableFormat.Tsv, "In", ToolFolder.Silent).Open();
            string text = reader.Read()!.Text(0);
            Assert.IsNull(reader.Read());
            return text;
        }
    }

    [TestMethod]
    public void Read_OfALoneSurrogateInUtf16_IsRefused()
    {
        using var folder = new ToolFolder();
        File.WriteAllBytes(folder["rows.txt"], [0xff, 0xfe, .. Encoding.Unicode.GetBytes("a\nb"), 0x00, 0xd8, 0x0a, 0]);
        using IRowReader reader =
            new TableInput(folder["rows.txt"], TableFormat.Text, "In", ToolFolder.Silent).Open();
        Assert.Contains("expected UTF-16, found other bytes", Refusal(() => reader.Read()!));
    }

    private static string Refusal(Func<object> read) => Assert.ThrowsExactly<FormatException>(read).Message;

    private static List<TableRow> Read(string text, string format)
    {
        using TableReader reader =
            TableReader.Open(new StringReader(text), "file", Enum.Parse<TableFormat>(format), "");
        var rows = new List<TableRow>();
        while (reader.Read() is { } row)
            rows.Add(row);
        return rows;
    }
}
