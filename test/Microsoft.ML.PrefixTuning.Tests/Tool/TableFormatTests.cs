using System;
using System.IO;
using System.Linq;
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
    [DataRow("", "found an empty file.")]
    [DataRow(" \n", "found an empty file.")]
    [DataRow("text", "found rows that are no JSON objects.")]
    public void OfInput_OfAnEmptyFile_SaysSo(string content, string expected)
    {
        using var folder = new ToolFolder();
        File.WriteAllText(folder["rows.json"], content);
        Assert.EndsWith(expected, Assert.ThrowsExactly<UsageException>(() =>
            TableFormats.OfInput(null, folder["rows.json"], TableFormat.Text)).Message);
    }

    [TestMethod]
    [OSCondition(ConditionMode.Include, OperatingSystems.Linux | OperatingSystems.OSX)]
    [DataRow("pipe.csv", nameof(TableFormat.Csv))]
    [DataRow("pipe.json", nameof(TableFormat.Json))]
    [DataRow("pipe.JSONL", nameof(TableFormat.Jsonl))]
    [DataRow("pipe.dat", nameof(TableFormat.Text))]
    [DataRow("pipe", nameof(TableFormat.Text))]
    public void Of_APipeOrDevice_IsItsEndings(string name, string expected)
    {
        using var folder = new ToolFolder();
        File.CreateSymbolicLink(folder[name], "/dev/null");
        Assert.AreEqual(expected, $"{TableFormats.OfInput(null, folder[name], TableFormat.Text)}");
        Assert.AreEqual(expected, $"{TableFormats.OfOutput(null, folder[name], TableFormat.Text)}");
        Assert.AreEqual(TableFormat.Tsv, TableFormats.OfInput(TableFormat.Tsv, folder[name], TableFormat.Text));
    }

    [TestMethod]
    [DataRow("", "{}", nameof(TableFormat.Jsonl))]
    [DataRow("\n", "[{}]", nameof(TableFormat.Json))]
    [DataRow("[]", "[{}]", nameof(TableFormat.Json))]
    [DataRow("[]", "{}", null)]
    [DataRow("{}", "text", null)]
    [DataRow("", "", null)]
    public void OfInput_OfSeveralFiles_IsTheOneThatThoseWithContentHave(string one, string other, string? expected)
    {
        using var folder = new ToolFolder();
        string[] paths = [folder["rows-1.json"], folder["rows-2.dat"]];
        File.WriteAllText(paths[0], one);
        File.WriteAllText(paths[1], other);
        if (expected is null)
        {
            Assert.Contains("--format", Assert.ThrowsExactly<UsageException>(() =>
                TableFormats.OfInput(null, paths, TableFormat.Text)).Message);
        }
        else
        {
            Assert.AreEqual(expected, $"{TableFormats.OfInput(null, paths, TableFormat.Text)}");
        }
        Assert.AreEqual(TableFormat.Csv, TableFormats.OfInput(TableFormat.Csv, paths, TableFormat.Text));
    }

    [TestMethod]
    [DataRow("train rows --base base --input Input --label Label --model m.zip")]
    [DataRow("train rows --base base --input Input --label Label --model m.zip --format csv")]
    [DataRow("train rows.tsv --validation rows --base base --input Input --label Label --model m.zip")]
    [DataRow("distill rows --base base --input Input --teacher-text rows.tsv --model m.zip")]
    [DataRow("generate rows --base base")]
    [DataRow("generate rows --base base --format text --to out.txt")]
    [DataRow("evaluate rows --label Label --output Input")]
    [DataRow("evaluate rows rows.tsv --format text")]
    [DataRow("evaluate text.txt rows")]
    [DataRow("inspect rows --base base --input Input --label Label")]
    [DataRow("sweep sweep.json")]
    public void Run_OfAFolderAsRows_SaysThatItIsOne(string line)
    {
        using var folder = new ToolFolder();
        Directory.CreateDirectory(folder["rows"]);
        folder.WriteRows("rows.tsv");
        folder.Write("text.txt", "a text");
        folder.Write("sweep.json", "{ \"data\": " + JsonText.Quote(folder["rows"]) + ", \"base\": "
            + JsonText.Quote(ToolFolder.Base) + ", \"input\": \"Input\", \"label\": \"Label\" }");
        ToolRun run = ToolFolder.Run([.. line.Split(' ').Select((word, place) => place == 0 ? word
            : word == "base" ? ToolFolder.Base : word == "rows" || word.Contains('.') ? folder[word] : word)]);
        Assert.AreNotEqual(ExitCode.Done, run.Code);
        Assert.Contains($"'{folder["rows"]}': expected a file of rows, found a folder.", run.Error);
    }

    [TestMethod]
    public void Train_OfFormats_NamesThoseThatItReads()
    {
        string help = string.Join(' ', ToolFolder.Run("train", "--help").Out
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("a file with columns (tsv, csv, jsonl, json or parquet)", help);
        Assert.Contains("--format <tsv|csv|jsonl|json|parquet>", help);
        using var folder = new ToolFolder();
        string[] command = ["--base", ToolFolder.Base, "--input", "Input", "--label", "Label", "--model",
            folder["m.zip"]];
        string unknown = ToolFolder.Run(["train", folder.Write("rows.dat", "Input\tLabel"), .. command]).Error;
        Assert.Contains("json (.json), parquet (.parquet), or --format", unknown);
        Assert.DoesNotContain("text (.txt)", unknown);
        string text = ToolFolder.Run(["train", folder.Write("rows.txt", "a"), .. command]).Error;
        Assert.Contains("train: expected rows with columns (tsv, csv, jsonl, json or parquet), found the format",
            text);
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
    public void OfOutput_OfAFolder_IsRefused()
    {
        using var folder = new ToolFolder();
        Assert.Contains("expected the name of a file to write, found a folder", Assert.ThrowsExactly<UsageException>(
            () => TableFormats.OfOutput(TableFormat.Csv, folder.Folder, TableFormat.Csv)).Message);
    }

    [TestMethod]
    [DoNotParallelize]
    public void OfOutput_OfStandardOutputBesideAFolderOfItsName_IsNotThatFolder()
    {
        using var folder = new ToolFolder();
        Directory.CreateDirectory(folder[TableFormats.Standard]);
        string before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = folder.Folder;
        try
        {
            Assert.AreEqual(TableFormat.Csv, TableFormats.OfOutput(null, TableFormats.Standard, TableFormat.Csv));
        }
        finally
        {
            Environment.CurrentDirectory = before;
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
