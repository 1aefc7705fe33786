using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>What values of rows mean to the verbs, and which of them are refused.</summary>
[TestClass]
public sealed class RowValueTests
{
    private readonly ToolFolder _folder = new();

    [TestCleanup]
    public void Delete() => _folder.Dispose();

    [TestMethod]
    public void Train_OnLabelsThatAreArrays_TrainsOnARowEach()
    {
        FaceRow[] rows = [.. TinyBase.Rows(6)];
        string arrays = _folder.Write("arrays.jsonl",
            [.. rows.Select(row =>
                JsonSerializer.Serialize(new { row.Input, Label = new[] { row.Label, $"{row.Label} too" } }))]);
        string single = _folder.Write("single.tsv", ["Input\tLabel",
            .. rows.SelectMany(row => new[] { $"{row.Input}\t{row.Label}", $"{row.Input}\t{row.Label} too" })]);
        CollectionAssert.AreEqual(PrefixOf(single), PrefixOf(arrays));
    }

    [TestMethod]
    [DataRow("{\"Input\": \"a\", \"Label\": [\"b\", 1]}",
        "line 1, column 'Label': expected texts, found a number as number 2")]
    [DataRow("{\"Input\": \"a\", \"Label\": {\"x\": \"b\"}}",
        "line 1, column 'Label': expected a text, found an object")]
    [DataRow("{\"Input\": \"a\", \"Label\": [[\"b\"]]}", "line 1, column 'Label': expected texts, found an array")]
    [DataRow("{\"Input\": [\"a\"], \"Label\": \"b\"}", "line 1, column 'Input': expected a text, found an array")]
    [DataRow("{\"Input\": {}, \"Label\": \"b\"}", "line 1, column 'Input': expected a text, found an object")]
    [DataRow("{\"Input\": \"a\", \"Label\": []}", "column 'Label': expected a text, found an empty one")]
    public void Train_OnOtherValues_IsRefusedByRowAndColumn(string row, string expected)
    {
        ToolRun run = Train(_folder.Write("rows.jsonl", row), _folder["model.zip"]);
        Assert.AreEqual(ExitCode.Failed, run.Code, run.Error);
        Assert.Contains(expected, run.Error);
        Assert.IsFalse(File.Exists(_folder["model.zip"]));
    }

    [TestMethod]
    public void Evaluate_OfArrays_TakesTheFirstTextAndAllReferences()
    {
        string rows = _folder.Write("rows.jsonl",
            "{\"Output\":[\"The A1 is a pub .\",\"x\"],\"Ref\":\"The A1 is a pub .\"}",
            "{\"Output\":\"A2 is a cheap pub .\",\"Ref\":[\"no\",\"A2 is a cheap pub .\"]}");
        ToolRun run = ToolFolder.Run("evaluate", rows, "--output", "Output", "--label", "Ref", "--json");
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.AreEqual(1, JsonDocument.Parse(run.Out).RootElement.GetProperty("exactMatch").GetDouble());
    }

    [TestMethod]
    [DataRow("{\"Output\":[],\"Ref\":\"a\"}", "line 1, column 'Output': expected a text, found an empty array")]
    [DataRow("{\"Output\":[1],\"Ref\":\"a\"}", "line 1, column 'Output': expected texts, found a number")]
    [DataRow("{\"Output\":{\"a\":1},\"Ref\":\"a\"}", "line 1, column 'Output': expected a text, found an object")]
    [DataRow("{\"Output\":\"a\",\"Ref\":[null]}", "line 1, column 'Ref': expected texts, found null")]
    [DataRow("{\"Output\":\"a\",\"Ref\":{}}", "line 1, column 'Ref': expected a text, found an object")]
    public void Evaluate_OfOtherValues_IsRefusedByRowAndColumn(string row, string expected)
    {
        ToolRun run = ToolFolder.Run("evaluate", _folder.Write("rows.jsonl", row), "--output", "Output", "--label",
            "Ref");
        Assert.AreEqual(ExitCode.Failed, run.Code, run.Error);
        Assert.Contains(expected, run.Error);
    }

    [TestMethod]
    [DataRow("pandas.csv", ",In,Ref", "0,a,b", ",In,Ref,Output")]
    [DataRow("two.csv", ",In,", "0,a,b", ",In,,Output")]
    [DataRow("trailing.tsv", "In\tRef\t", "a\tb\t", "In\tRef\t\tOutput")]
    public void Verbs_OnColumnsWithoutName_ReadAndKeepThem(string name, string header, string row, string written)
    {
        string rows = _folder.Write(name, header, row);
        ToolRun run = Generate(rows);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.AreEqual(written, run.Lines[0]);
        Assert.StartsWith(row, run.Lines[1]);
        if (!header.Contains("Ref", StringComparison.Ordinal))
            return;
        ToolRun trained = ToolFolder.Run("train", rows, "--base", ToolFolder.Base, "--input", "In", "--label", "Ref",
            "--model",
            _folder["model.zip"], "--max-steps", "1", "--prefix-length", "2", "--validation-fraction", "0");
        Assert.AreEqual(ExitCode.Done, trained.Code, trained.Error);
    }

    [TestMethod]
    public void Generate_OfJsonLines_KeepsEmojiAndReplacesALoneSurrogate()
    {
        const string row = "{\"\":\"x\",\"In\":\"a\\ud83c 🍵\",\"Emoji\":\"🍵\"";
        ToolRun run = Generate(_folder.Write("rows.jsonl", "", row + "}", ""));
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.HasCount(1, run.Lines);
        Assert.StartsWith(row + ",\"Output\":\"", run.Lines[0]);
        ToolRun replaced = Generate(_folder.Write("replaced.jsonl", "{\"In\":\"a\\ufffd 🍵\"}"));
        Assert.AreEqual(OutputOf(replaced), OutputOf(run));

        static string OutputOf(ToolRun run) =>
            JsonDocument.Parse(run.Out).RootElement.GetProperty("Output").GetString()!;
    }

    [TestMethod]
    public void Generate_OfABareCarriageReturn_ReadsBackWhatItWrote()
    {
        ToolRun run = Generate(_folder.Write("rows.csv", "In,Ref", "\"one\rtwo\",b"));
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        File.WriteAllText(_folder["again.csv"], run.Out);
        ToolRun again = Generate(_folder["again.csv"]);
        Assert.AreEqual(ExitCode.Done, again.Code, again.Error);
        using TableReader reader = TableReader.Open(new StringReader(again.Out), "again", TableFormat.Csv, "");
        Assert.AreEqual("one\rtwo", reader.Read()!.Text(0));
        Assert.IsNull(reader.Read());
    }

    [TestMethod]
    [DataRow("rows.json", "[{\"In\": \"a\"},\n{\"In\": \"b\"}]")]
    [DataRow("rows.json", "{\"In\": \"a\"}\n{\"In\": \"b\"}")]
    [DataRow("rows", "[{\"In\": \"a\"}, {\"In\": \"b\"}]")]
    public void Generate_OfJsonUnderAnotherEnding_ReadsItsObjects(string name, string content)
    {
        ToolRun run = ToolFolder.Run("generate", _folder.Write(name, content), "--base", ToolFolder.Base, "--input",
            "In", "--max-new-tokens",
            "2", "--to", _folder["out.json"]);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        using JsonDocument written = JsonDocument.Parse(File.ReadAllText(_folder["out.json"]));
        CollectionAssert.AreEqual(new[] { "a", "b" },
            written.RootElement.EnumerateArray().Select(row => row.GetProperty("In").GetString()).ToArray());
    }

    [TestMethod]
    [DataRow("generate rows.dat --base base --input In")]
    [DataRow("generate rows.json --base base --input In")]
    [DataRow("generate rows.tsv --base base --input In --to out.dat")]
    [DataRow("train rows.dat --base base --input In --label In --model model.zip")]
    [DataRow("train rows.tsv --base base --input In --label In --model model.zip --validation rows.json")]
    [DataRow("evaluate rows.dat --output In --label In")]
    [DataRow("evaluate rows.dat rows.dat")]
    public void Verbs_OnUnknownEndings_RefuseThemWithTheFormats(string line)
    {
        foreach (string name in (string[])["rows.dat", "rows.json", "rows.tsv"])
            _folder.Write(name, "In", "a", "b");
        IEnumerable<string> words = line.Split(' ').Select(word =>
            word == "base" ? ToolFolder.Base : word.Contains('.', StringComparison.Ordinal) ? _folder[word] : word);
        ToolRun run = ToolFolder.Run([.. words]);
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.Contains("json (.json)", run.Error);
        Assert.Contains(line.Contains("out.dat", StringComparison.Ordinal) ? "--to-format" : "--format", run.Error);
    }

    private byte[] PrefixOf(string rows)
    {
        string model = rows + ".zip", prefix = rows + ".safetensors";
        ToolRun run = Train(rows, model);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.AreEqual(ExitCode.Done, ToolFolder.Run("convert", model, prefix).Code);
        return File.ReadAllBytes(prefix);
    }

    private static ToolRun Train(string rows, string model) =>
        ToolFolder.Run("train", rows, "--base", ToolFolder.Base, "--input", "Input",
        "--label", "Label", "--model", model, "--prefix-length", "2", "--max-steps", "3", "--batch-size", "4",
            "--seed", "3",
        "--validation-fraction", "0");

    private static ToolRun Generate(string rows) =>
        ToolFolder.Run("generate", rows, "--base", ToolFolder.Base, "--input", "In", "--max-new-tokens", "2");
}
