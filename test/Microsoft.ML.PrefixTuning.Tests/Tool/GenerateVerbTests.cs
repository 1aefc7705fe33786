using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>Rows in, rows out.</summary>
[TestClass]
public sealed class GenerateVerbTests
{
    private static readonly string[] Inputs =
        ["name : Venue 1 | Type : pub", "", "näh 🍵 \"quoted\", with comma", "c", "", "name : Venue 9 | food : French"];

    private static readonly ToolFolder Folder = new();
    private static string s_model = "";

    [ClassInitialize]
    public static void Train(TestContext _) => s_model = Folder.Train(options: ["--look-ahead", "2"]);

    [ClassCleanup]
    public static void DeleteFolder() => Folder.Dispose();

    [TestMethod]
    public void Run_OfTextLines_WritesOneLineForEach()
    {
        ToolRun run =
            ToolFolder.RunWith(string.Concat(Inputs.Select(input => input + "\n")), "generate", "--model", s_model);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        CollectionAssert.AreEqual(Expected(), run.Out.Split('\n')[..^1]);
    }

    [TestMethod]
    public void Run_OfTsv_KeepsRowsAndColumns()
    {
        string rows = Folder.Write("rows-in.tsv", ["Number\tInput", .. Inputs.Select((input, i) => $"{i}\t{input}")]);
        ToolRun run = ToolFolder.Run("generate", rows, "--model", s_model, "--to", Folder["out.tsv"]);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.AreEqual("", run.Out);
        string[] expected =
            ["Number\tInput\tOutput", .. Inputs.Zip(Expected()).Select((row, i) => $"{i}\t{row.First}\t{row.Second}")];
        CollectionAssert.AreEqual(expected, File.ReadAllLines(Folder["out.tsv"]));
    }

    [TestMethod]
    public void Run_OfTsvWithOneColumn_TakesEmptyLinesAsRows()
    {
        string rows = Folder.Write("one.tsv", ["Input", .. Inputs]);
        ToolRun run = ToolFolder.Run("generate", rows, "--model", s_model);
        CollectionAssert.AreEqual(Inputs.Zip(Expected()).Select(row => $"{row.First}\t{row.Second}").ToArray(),
            run.Lines[1..]);
    }

    [TestMethod]
    public void Run_OfJsonLines_KeepsPropertiesAsTheyWere()
    {
        string rows =
            Folder.Write("rows.jsonl",
            [.. Inputs.Select((input, i) =>
            JsonSerializer.Serialize(new { Input = input, Number = i + 0.50m, List = new[] { i } }))]);
        ToolRun run = ToolFolder.Run("generate", rows, "--model", s_model);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        string[] expected = Expected();
        for (int i = 0; i < Inputs.Length; i++)
        {
            JsonElement row = JsonDocument.Parse(run.Lines[i]).RootElement;
            Assert.AreEqual((Inputs[i], expected[i]),
                (row.GetProperty("Input").GetString(), row.GetProperty("Output").GetString()));
            Assert.AreEqual(($"{i}.50", $"[{i}]"),
                (row.GetProperty("Number").GetRawText(), row.GetProperty("List").GetRawText()));
        }
    }

    [TestMethod]
    public void Run_FromCsvToJsonLines_GivesTheSameTexts()
    {
        string rows = Folder.Write("rows.csv",
            ["Input", .. Inputs.Select(input => $"\"{input.Replace("\"", "\"\"", StringComparison.Ordinal)}\"")]);
        ToolRun run = ToolFolder.Run("generate", rows, "--model", s_model, "--to-format", "jsonl");
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        CollectionAssert.AreEqual(Expected(),
            run.Lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("Output").GetString()).ToArray());
        ToolRun csv = ToolFolder.Run("generate", rows, "--model", s_model);
        Assert.HasCount(Inputs.Length + 1, csv.Lines);
        Assert.Contains("\"näh 🍵 \"\"quoted\"\", with comma\",", csv.Out);
    }

    [TestMethod]
    public void Run_WithOptions_GoesOverTheModelsOwn()
    {
        ToolRun run = ToolFolder.RunWith(Inputs[0] + "\n", "generate", "--model", s_model, "--max-new-tokens", "2");
        Assert.IsLessThan(Expected()[0].Length, run.Lines[0].Length);
        Assert.StartsWith(run.Lines[0], Expected()[0]);
    }

    [TestMethod]
    public void Run_OfChainWithOptions_KeepsItsOtherSteps()
    {
        var mlContext = new MLContext(seed: 1);
        IDataView rows = mlContext.Data.LoadFromEnumerable(TinyBase.Rows(12));
        string model = Folder["chain.zip"];
        // The model's own step makes small letters of what it reads, and one behind it copies the text.
        using (var chain = mlContext.Transforms.Text.NormalizeText("Input").Append(TinyBase.Estimator(mlContext))
            .Append(mlContext.Transforms.CopyColumns("Copy", "Output")).Fit(rows))
            mlContext.Model.Save(chain, rows.Schema, model);
        string capitals = Folder.Write("capitals.tsv", "Input", "NAME : VENUE 1 | TYPE : PUB", "VENUE"),
            small = Folder.Write("small.tsv", "Input", "name : venue 1 | type : pub", "venue");
        ToolRun own = ToolFolder.Run("generate", capitals, "--model", model);
        ToolRun changed = ToolFolder.Run("generate", capitals, "--model", model, "--max-new-tokens", "12");
        Assert.AreEqual((ExitCode.Done, "Input\tOutput\tCopy"), (changed.Code, changed.Lines[0]), changed.Error);
        Assert.AreEqual(own.Out, changed.Out);
        Assert.AreEqual(Texts(small), Texts(capitals));

        string Texts(string rows) =>
            string.Join('|', ToolFolder.Run("generate", rows, "--model", model, "--max-new-tokens",
                "5").Lines.Select(line => line[line.IndexOf('\t', StringComparison.Ordinal)..]));
    }

    [TestMethod]
    public void Run_WithSeveralSequences_WritesThemAll()
    {
        string[] options =
            ["generate", "--model", s_model, "--decoding", "beam", "--beam-width", "2", "--sequence-count", "2"];
        ToolRun json = ToolFolder.RunWith(Inputs[0] + "\n", [.. options, "--to-format", "jsonl"]);
        string?[] texts = [.. JsonDocument.Parse(json.Out).RootElement.GetProperty("Output").EnumerateArray()
            .Select(one => one.GetString())];
        ToolRun table = ToolFolder.RunWith(Inputs[0] + "\n", [.. options, "--to-format", "tsv"]);
        Assert.AreEqual("Input\tOutput\tOutput.2", table.Lines[0]);
        CollectionAssert.AreEqual((string?[])[Inputs[0], .. texts], table.Lines[1].Split('\t'));
    }

    [TestMethod]
    [DataRow("text", "--error-column Fault", "expected one text a row")]
    [DataRow("text", "--decoding beam --beam-width 2 --sequence-count 2", "expected one text a row")]
    [DataRow("csv", "--decoding beam --beam-width 2 --sequence-count 2 --error-column Output.2",
        "found 'Output.2' twice")]
    public void Run_WithMoreThanTheFormatHasAPlaceFor_IsRefusedBeforeItIsLoaded(string format, string options,
        string expected)
    {
        // What is no prefix shows that none is read.
        ToolRun run = ToolFolder.RunWith("a\n", ["generate", "--base", ToolFolder.Base, "--prefix",
            Folder.Write("broken.safetensors", "no prefix"), "--to-format", format, .. options.Split(' ')]);
        Assert.AreEqual((ExitCode.Usage, ""), (run.Code, run.Out), run.Error);
        Assert.Contains(expected, run.Error);
    }

    /// <summary>A saved model's own options and column show when it is loaded.</summary>
    [TestMethod]
    public void Run_OfAModelWhoseMessagesWouldHideATextOfItsOwn_IsRefused()
    {
        string[] command = ["generate", "--model", s_model, "--decoding", "beam", "--beam-width", "2",
            "--sequence-count", "2", "--error-column", "Output.2", "--to-format"];
        ToolRun tsv = ToolFolder.RunWith("a\n", [.. command, "tsv"]);
        Assert.AreEqual((ExitCode.Usage, ""), (tsv.Code, tsv.Out), tsv.Error);
        Assert.Contains("found 'Output.2' twice", tsv.Error);
        ToolRun text = ToolFolder.RunWith("a\n", [.. command, "text"]);
        Assert.AreEqual((ExitCode.Usage, ""), (text.Code, text.Out), text.Error);
        Assert.Contains("expected one text a row, for a line of the format text has no other, found 3", text.Error);
        ToolRun json = ToolFolder.RunWith("a\n", [.. command, "jsonl"]);
        Assert.AreEqual(ExitCode.Done, json.Code, json.Error);
    }

    [TestMethod]
    public void Run_OnRowsWithMoreTextsOfAFormerRun_LeavesThemOutAndSaysSo()
    {
        string rows = Folder.Write("more.tsv", "Input\tOutput\tOutput.2\tNumber", "a\tformer\tformer\t7");
        ToolRun run = ToolFolder.Run("generate", rows, "--model", s_model);
        Assert.AreEqual((ExitCode.Done, "Input\tOutput\tNumber"), (run.Code, run.Lines[0]), run.Error);
        Assert.DoesNotContain("former", run.Out);
        Assert.EndsWith("\t7", run.Lines[1]);
        Assert.Contains("warning: the rows' columns 'Output.2' are taken for further texts", run.Error);
    }

    [TestMethod]
    [DataRow("json", "[]")]
    [DataRow("jsonl", "")]
    public void Run_OfNoObject_WritesATableWithItsColumns(string format, string empty)
    {
        File.WriteAllText(Folder[$"none.{format}"], empty);
        string[] command =
            ["generate", Folder[$"none.{format}"], "--model", s_model, "--error-column", "Fault", "--to"];
        foreach (string to in (string[])["none.csv", "none.parquet"])
        {
            ToolRun run = ToolFolder.Run([.. command, Folder[to]]);
            Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        }
        Assert.AreEqual("Input,Output,Fault\n", File.ReadAllText(Folder["none.csv"]));
        using var reader = new ParquetReading(Folder["none.parquet"], "none");
        CollectionAssert.AreEqual(new[] { "Input", "Output", "Fault" }, reader.Columns.ToArray());
        Assert.IsNull(reader.Read());
    }

    [TestMethod]
    public void Run_OfBaseWithPrefix_IsTheModel()
    {
        ToolFolder.Run("convert", s_model, Folder["prefix.safetensors"]);
        ToolRun run = ToolFolder.RunWith(Inputs[0] + "\n", "generate", "--base", ToolFolder.Base, "--prefix",
            Folder["prefix.safetensors"], "--max-new-tokens", "10");
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.AreEqual(Expected()[0], run.Lines[0]);
    }

    [TestMethod]
    public void Run_WithErrorColumn_WritesIt()
    {
        string rows = Folder.Write("long.tsv", "Input", "a", string.Join(' ', Enumerable.Repeat("Venue", 400)));
        ToolRun refused = ToolFolder.Run("generate", rows, "--model", s_model);
        Assert.AreEqual(ExitCode.Failed, refused.Code);
        ToolRun run = ToolFolder.Run("generate", rows, "--model", s_model, "--error-column", "Fault");
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.AreEqual("Input\tOutput\tFault", run.Lines[0]);
        Assert.EndsWith("\t", run.Lines[1]);
        Assert.Contains("Input", run.Lines[2].Split('\t')[2]);
    }

    /// <summary>Rows of a former run have its messages: those of this one take their place.</summary>
    [TestMethod]
    [DataRow("tsv")]
    [DataRow("jsonl")]
    public void Run_OnRowsWithMessagesOfAFormerRun_ReplacesThem(string format)
    {
        string tooLong = string.Join(' ', Enumerable.Repeat("Venue", 400));
        string rows = format == "tsv" ? Folder.Write("again.tsv", "Input\tFault", "a\tformer", $"{tooLong}\tformer")
            : Folder.Write("again.jsonl", "{\"Input\":\"a\",\"Fault\":\"former\"}",
                $"{{\"Input\":\"{tooLong}\",\"Fault\":\"former\"}}");
        ToolRun run = ToolFolder.Run("generate", rows, "--model", s_model, "--error-column", "Fault");
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        Assert.DoesNotContain("former", run.Out);
        Assert.Contains("Row 2 (the first is 1;", run.Lines[^1]);
        Assert.DoesNotContain("Row 1", run.Out);
    }

    [TestMethod]
    [DataRow("Input\tb\nx\n", "tsv", "line 2: expected 2 fields, found 1")]
    [DataRow("", "tsv", "found an empty file")]
    [DataRow("Input\n\"open\n", "csv", "quote")]
    [DataRow("Input\tInput\n", "tsv", "'Input' is there twice")]
    [DataRow("{\"Input\": \"a\"}\n[1]\n", "jsonl", "line 2: expected a JSON object, found Array")]
    [DataRow("{\"Input\": \"a\"}\n{\"Other\": \"a\"}\n", "jsonl", "line 2: expected a property 'Input'")]
    [DataRow("{\"Other\": \"a\"}\n", "jsonl", "'Other'")]
    public void Run_OfBadRows_SaysWhere(string text, string format, string expected)
    {
        ToolRun run = ToolFolder.RunWith(text, "generate", "--model", s_model, "--format", format);
        Assert.AreEqual(ExitCode.Failed, run.Code, run.Error);
        Assert.Contains(expected, run.Error);
    }

    [TestMethod]
    [DataRow("text")]
    [DataRow("jsonl")]
    public void Run_OfNothing_WritesNothing(string format)
    {
        ToolRun run = ToolFolder.RunWith("", "generate", "--model", s_model, "--format", format);
        Assert.AreEqual((ExitCode.Done, ""), (run.Code, run.Out));
    }

    [TestMethod]
    [DataRow("jsonl", "")]
    [DataRow("jsonl", "\n\n")]
    [DataRow("json", "[]")]
    public void Run_OfSeveralFiles_PassesOverThoseWithoutAnObject(string format, string empty)
    {
        string named = $"parted-{format}-{empty.Length}", row = "{\"Input\":\"red blue\"}";
        string all = format == "json" ? $"[{row}]" : row;
        foreach ((int place, string text) in ((int, string)[])[(0, empty), (1, empty), (2, all), (3, empty), (4, all)])
            File.WriteAllText(Folder[$"{named}-{place}.{format}"], text);
        string one = Folder.Write($"{named}.jsonl", row, row);
        string[] to = [Folder[$"{named}-one.csv"], Folder[$"{named}-all.csv"], Folder[$"{named}-part.csv"]];
        string data = Folder[$"{named}-?.{format}"];
        foreach (string[] words in (string[][])[[one, "--to", to[0]], [data, "--to", to[1]],
            [data, "--to", to[2], "--shard", "0/2"], [data, "--to", to[2], "--shard", "1/2"]])
        {
            ToolRun run = ToolFolder.Run(["generate", .. words, "--model", s_model]);
            Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        }
        Assert.AreEqual(ExitCode.Done, ToolFolder.Run("merge", to[2], "--shards", "2").Code);
        Assert.HasCount(3, File.ReadAllLines(to[0]));
        CollectionAssert.AreEqual(File.ReadAllBytes(to[0]), File.ReadAllBytes(to[1]));
        CollectionAssert.AreEqual(File.ReadAllBytes(to[0]), File.ReadAllBytes(to[2]));
    }

    [TestMethod]
    public void Run_OfSeveralFilesOfTwoFormats_IsRefusedByBoth()
    {
        Folder.Write("mixed-1.txt", "red blue");
        Folder.Write("mixed-2.csv", "Input", "red blue");
        ToolRun run = ToolFolder.Run("generate", Folder["mixed-*"], "--model", s_model);
        Assert.AreEqual((ExitCode.Usage, ""), (run.Code, run.Out), run.Error);
        Assert.Contains($"'{Folder["mixed-2.csv"]}': expected the format of '{Folder["mixed-1.txt"]}', text, or"
            + " --format with the one that all files have; found csv.", run.Error);
        ToolRun told = ToolFolder.Run("generate", Folder["mixed-*"], "--format", "text", "--model", s_model);
        Assert.AreEqual(ExitCode.Done, told.Code, told.Error);
        Assert.AreEqual(3, told.Out.Count(letter => letter == '\n'));
    }

    [TestMethod]
    [DataRow("-0")]
    [DataRow("-?")]
    public void Run_OfAFirstObjectWithoutProperties_MissesTheInput(string named)
    {
        Folder.Write("bare-0.jsonl", "{}", "{\"Input\":\"red\"}");
        Folder.Write("bare-1.jsonl", "{\"Input\":\"red\"}");
        ToolRun run = ToolFolder.Run("generate", Folder[$"bare{named}.jsonl"], "--model", s_model);
        Assert.AreEqual(ExitCode.Failed, run.Code, run.Error);
        Assert.Contains("Could not find column 'Input'", run.Error);
    }

    [TestMethod]
    public void Run_OfParquetThatIsNoFile_IsRefused()
    {
        ToolRun read = ToolFolder.RunWith("PAR1", "generate", "--format", "parquet", "--to-format", "csv", "--model",
            s_model);
        Assert.AreEqual(ExitCode.Failed, read.Code, read.Error);
        Assert.Contains("standard input: expected a file", read.Error);
        string device = OperatingSystem.IsWindows() ? @"\\.\NUL" : "/dev/null";
        foreach (string to in (string[])["-", device])
        {
            ToolRun written = ToolFolder.RunWith("red", "generate", "--to", to, "--to-format", "parquet", "--model",
                s_model);
            Assert.AreEqual(ExitCode.Usage, written.Code, written.Error);
            Assert.Contains("--to: expected a file", written.Error);
        }
    }

    [TestMethod]
    public void Run_OntoItsOwnInput_IsRefused()
    {
        string rows = Folder.Write("own.tsv", "Input", "a");
        Assert.AreEqual(ExitCode.Usage, ToolFolder.Run("generate", rows, "--model", s_model, "--to", rows).Code);
        Assert.AreEqual("Input\na\n", File.ReadAllText(rows));
    }

    [TestMethod]
    [DataRow("text", "")]
    [DataRow("tsv", "Input\n")]
    [DataRow("csv", "Input\n")]
    public void Run_OfStandardInput_WritesWhatTheLookAheadHolds(string format, string header)
    {
        // A text that ends with its line takes one line in every format.
        using Process child = ToolFolder.Start("generate", "--model", s_model, "--format", format, "--look-ahead", "2",
            "--stop-strings", "\n");
        child.StandardInput.Write(header);
        for (int window = 0; window < 3; window++)
        {
            // The next rows are written only after the answers to these: nothing waits for the end of the input.
            child.StandardInput.Write("Venue\nPlace\n");
            child.StandardInput.Flush();
            if (window == 0 && header.Length > 0)
                Assert.StartsWith("Input", child.StandardOutput.ReadLine());
            Assert.IsNotNull(child.StandardOutput.ReadLine());
            Assert.IsNotNull(child.StandardOutput.ReadLine());
        }
        child.StandardInput.Close();
        Assert.AreEqual("", child.StandardOutput.ReadToEnd());
        child.WaitForExit();
        Assert.AreEqual(ExitCode.Done, child.ExitCode);
    }

    private static string[] Expected()
    {
        var mlContext = new MLContext();
        ITransformer model = mlContext.Model.Load(s_model, out _);
        using var owned = (IDisposable)model;
        IEnumerable<FaceRow> rows = Inputs.Select(input => new FaceRow { Input = input });
        return [.. TinyBase.Texts(mlContext, model, rows)
            .Select(text => text.ReplaceLineEndings(" ").Replace('\t', ' '))];
    }
}
