using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Shards;
using Microsoft.ML.PrefixTuning.Tool.Tables;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>Parts of a table, killed anywhere and gone on with, join to the bytes of one run.</summary>
[TestClass]
public sealed class ShardTests
{
    private const int Rows = 7;

    private static readonly ToolFolder Folder = new();
    private static string s_model = "";

    [ClassInitialize]
    public static void Train(TestContext _) => s_model = Folder.Train(options: ["--look-ahead", "2"]);

    [ClassCleanup]
    public static void DeleteFolder() => Folder.Dispose();

    [TestMethod]
    [DataRow("csv", 1)]
    [DataRow("csv", 3)]
    [DataRow("tsv", 2)]
    [DataRow("jsonl", 4)]
    [DataRow("json", 9)] // Two of the parts have no row.
    [DataRow("txt", 2)]
    [DataRow("parquet", 8)]
    public void Merge_OfPartsThatWereKilled_GivesTheBytesOfOneRun(string format, int count)
    {
        string name = $"killed-{format}-{count}";
        string data = Folder.Write($"{name}.jsonl", Lines()), to = Folder[$"{name}-out.{format}"];
        string whole = Folder[$"{name}-whole.{format}"];
        Done("generate", data, "--model", s_model, "--to", whole);
        var random = new Random(count);
        string[] texts = [.. Texts(whole, format)];
        // The first task of a run says what it is.
        string[] command = ["generate", data, "--model", s_model, "--to", to, "--shard"];
        Done([.. command, $"{count - 1}/{count}"]);
        foreach (int index in Enumerable.Range(0, count).OrderByDescending(index => index))
        {
            // What a kill leaves: some rows, the last one cut anywhere, and no part or one without its record.
            byte[] partial = PartialOf(data, to, index, count, texts);
            string part = new RowShard(index, count).PathOf(to);
            File.WriteAllBytes(PartialFile.PathFor(part), partial[..random.Next(partial.Length + 1)]);
            File.Delete(PartRecord.PathFor(part));
            if (index % 2 == 0)
                File.WriteAllText(part, "left");
            Assert.AreEqual(index == 0 ? "0\n" : $"0-{index}\n",
                Done("merge", to, "--shards", $"{count}", "--missing").Out);
            Done([.. command, $"{index}/{count}"]);
            Assert.IsFalse(File.Exists(PartialFile.PathFor(part)));
        }
        Assert.AreEqual("", Done("merge", to, "--shards", $"{count}", "--missing").Out);
        Done("merge", to, "--shards", $"{count}");
        CollectionAssert.AreEqual(File.ReadAllBytes(whole), File.ReadAllBytes(to));
    }

    [TestMethod]
    [DataRow("csv")]
    [DataRow("jsonl")]
    [DataRow("parquet")]
    public void Generate_OfAPatternOfFiles_IsThatOfOneFile(string format)
    {
        string[] lines = Lines();
        string one = Folder.Write($"pattern-{format}.jsonl", lines), whole = Folder[$"pattern-whole.{format}"];
        Done("generate", one, "--model", s_model, "--to", whole);
        int[] ends = [3, 3, 6, Rows];
        for (int file = 0; file < ends.Length; file++)
            WriteAs(format, $"several-{format}-{file}", lines[(file == 0 ? 0 : ends[file - 1])..ends[file]]);
        string to = Folder[$"pattern-out.{format}"], data = Folder[$"several-{format}-?.{format}"];
        Done("generate", data, "--model", s_model, "--to", Folder[$"pattern-all.{format}"]);
        foreach (string part in (string[])["1/3", "0/3", "2/3"])
            Done("generate", data, "--model", s_model, "--to", to, "--shard", part);
        Done("merge", to, "--shards", "3");
        CollectionAssert.AreEqual(File.ReadAllBytes(Folder[$"pattern-all.{format}"]), File.ReadAllBytes(to));
        CollectionAssert.AreEqual(File.ReadAllBytes(whole), File.ReadAllBytes(to));

        // Files with a header, or with columns of their own, come from rows that a verb wrote.
        static void WriteAs(string format, string name, string[] rows)
        {
            if (format == "jsonl")
            {
                Folder.Write($"{name}.jsonl", rows);
                return;
            }
            TableWriter? writer = null;
            var texts = new List<string>();
            using (TableReader reader = TableReader.Open(new StringReader(string.Join('\n', Lines())), "rows",
                TableFormat.Jsonl, ""))
            {
                writer = TableWriter.Make(Enum.Parse<TableFormat>(format, ignoreCase: true), reader.Columns, []);
            }
            using (TableReader reader = TableReader.Open(new StringReader(string.Join('\n', rows)), "rows",
                TableFormat.Jsonl, "", ["Number", "Input"]))
            {
                while (reader.Read() is { } row)
                    texts.Add(writer.Row(row, []));
            }
            using FileStream stream = File.Create(Folder[$"{name}.{format}"]);
            writer.WriteAll(stream, texts);
        }
    }

    [TestMethod]
    [DataRow("null", ": expected what a run in parts wrote, found another file")]
    [DataRow("{\"Parts\":0,\"Command\":{},\"Files\":[]}", ", Parts: expected 1 to 1000000, found 0")]
    [DataRow("{\"Parts\":3,\"Files\":[]}", ", Command: expected a text under each name")]
    [DataRow("{\"Parts\":3,\"Command\":{\"model\":null},\"Files\":[]}",
        ", Command: expected a text under each name")]
    [DataRow("{\"Parts\":3,\"Command\":{}}", ", Files: expected the files of the rows")]
    [DataRow("{\"Parts\":3,\"Command\":{},\"Files\":[null]}", ", Files[0]: expected a file's Name and Hash")]
    [DataRow("{\"Parts\":3,\"Command\":{},\"Files\":[{\"Name\":\"a\"}]}",
        ", Files[0]: expected a file's Name and Hash")]
    [DataRow("{\"Parts\":3,\"Command\":{},\"Files\":[{\"Name\":\"a\",\"Hash\":\"b\",\"Rows\":-1}]}",
        ", Files[0].Rows: expected a number of rows, found -1")]
    public void Merge_OfAManifestThatNoRunWrote_NamesFileAndField(string manifest, string expected)
    {
        string to = Folder["strange-out.jsonl"];
        string path = Folder.Write("strange-out.jsonl.run.json", manifest);
        foreach (string[] missing in (string[][])[[], ["--missing"]])
        {
            ToolRun run = ToolFolder.Run(["merge", to, "--shards", "3", .. missing]);
            Assert.AreEqual(ExitCode.Failed, run.Code, run.Error);
            Assert.Contains($"'{path}'{expected}", run.Error);
            Assert.Contains("; move it away.", run.Error);
        }
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows)]
    [DataRow("linked-out-00001-of-00002.jsonl")]
    [DataRow("linked-out-00000-of-00002.jsonl.done.json")]
    [DataRow("linked-out.jsonl.run.json")]
    [DataRow("linked.jsonl")]
    public void Merge_OntoWhatItReads_IsRefused(string name)
    {
        string data = Folder.Write("linked.jsonl", Lines()), to = Folder["linked-out.jsonl"];
        foreach (string part in (string[])["0/2", "1/2"])
            Done("generate", data, "--model", s_model, "--to", to, "--shard", part);
        byte[] before = File.ReadAllBytes(Folder[name]);
        File.CreateSymbolicLink(to, name);
        ToolRun run = ToolFolder.Run("merge", to, "--shards", "2");
        File.Delete(to);
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.Contains("the whole file", run.Error);
        CollectionAssert.AreEqual(before, File.ReadAllBytes(Folder[name]));
        Done("merge", to, "--shards", "2");
        File.Delete(to);
    }

    [TestMethod]
    public void Generate_OfAnotherRun_IsRefusedByName()
    {
        string data = Folder.Write("named.jsonl", Lines()), to = Folder["named-out.jsonl"];
        Done("generate", data, "--model", s_model, "--to", to, "--shard", "0/2");
        Refused("--max-new-tokens: it has nothing, now it is \"4\"", "1/2", data, s_model, "--max-new-tokens", "4");
        Refused("parts: it has 2, now it is 3", "1/3", data, s_model);
        string other = Folder.Train("other-shard.zip", options: ["--learning-rate", "0.3"]);
        Refused("model: it has ", "1/2", data, other);
        Refused("content: it has ", "1/2", Folder.Write("named.jsonl", [.. Lines().Reverse()]), s_model);
        Folder.Write("named.jsonl", Lines());
        Done("generate", data, "--model", s_model, "--to", to, "--shard", "1/2");
        ToolRun again = Done("generate", data, "--model", s_model, "--to", to, "--shard", "1/2");
        Assert.Contains("is there already", again.Error);

        void Refused(string message, string shard, string rows, string model, params string[] options)
        {
            ToolRun run =
                ToolFolder.Run(["generate", rows, "--model", model, "--to", to, "--shard", shard, .. options]);
            Assert.AreEqual(ExitCode.Failed, run.Code, run.Error);
            Assert.Contains(message, run.Error);
            Assert.Contains("delete this file and the parts beside it", run.Error);
        }
    }

    [TestMethod]
    public void Merge_OfPartsThatAreMissingOrAltered_IsRefused()
    {
        string data = Folder.Write("absent.jsonl", Lines()), to = Folder["absent-out.csv"];
        Assert.AreEqual("0-3\n", Done("merge", to, "--shards", "4", "--missing").Out);
        foreach (string part in (string[])["0/4", "2/4"])
            Done("generate", data, "--model", s_model, "--to", to, "--shard", part);
        Assert.AreEqual("1,3\n", Done("merge", to, "--shards", "4", "--missing").Out);
        ToolRun run = ToolFolder.Run("merge", to, "--shards", "4");
        Assert.AreEqual(ExitCode.Failed, run.Code, run.Error);
        Assert.Contains("found 2 that are not: 1,3", run.Error);
        run = ToolFolder.Run("merge", to, "--shards", "5");
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.Contains("--shards: expected 4", run.Error);
        foreach (string part in (string[])["1/4", "3/4"])
            Done("generate", data, "--model", s_model, "--to", to, "--shard", part);
        string altered = new RowShard(2, 4).PathOf(to);
        byte[] bytes = File.ReadAllBytes(altered);
        bytes[^3] ^= 1;
        File.WriteAllBytes(altered, bytes);
        run = ToolFolder.Run("merge", to, "--shards", "4");
        Assert.AreEqual(ExitCode.Failed, run.Code, run.Error);
        Assert.Contains("It was altered; delete it and run its part again.", run.Error);
        Assert.IsFalse(File.Exists(to));
    }

    [TestMethod]
    public void Merge_OfAPartInAnothersPlace_IsMissingThatOne()
    {
        string data = Folder.Write("twice.jsonl", Lines()[..4]), to = Folder["twice-out.jsonl"];
        foreach (string part in (string[])["0/2", "1/2"])
            Done("generate", data, "--model", s_model, "--to", to, "--shard", part);
        string first = new RowShard(0, 2).PathOf(to), second = new RowShard(1, 2).PathOf(to);
        File.Copy(first, second, overwrite: true);
        File.Copy(PartRecord.PathFor(first), PartRecord.PathFor(second), overwrite: true);
        Assert.AreEqual("1\n", Done("merge", to, "--shards", "2", "--missing").Out);
        ToolRun run = ToolFolder.Run("merge", to, "--shards", "2");
        Assert.AreEqual(ExitCode.Failed, run.Code, run.Error);
        Assert.Contains("found 1 that are not: 1.", run.Error);
        Assert.IsFalse(File.Exists(to));
    }

    [TestMethod]
    [DataRow("Hash")]
    [DataRow("Start")]
    [DataRow("Between")]
    [DataRow("End")]
    public void Merge_OfARecordThatLacksAText_NamesFileAndField(string field)
    {
        string data = Folder.Write($"lacks-{field}.jsonl", Lines()), to = Folder[$"lacks-{field}-out.jsonl"];
        Done("generate", data, "--model", s_model, "--to", to, "--shard", "0/1");
        string path = PartRecord.PathFor(new RowShard(0, 1).PathOf(to));
        JsonNode record = JsonNode.Parse(File.ReadAllText(path))!;
        record[field] = null;
        File.WriteAllText(path, record.ToJsonString());
        ToolRun run = ToolFolder.Run("merge", to, "--shards", "1");
        Assert.AreEqual(ExitCode.Failed, run.Code, run.Error);
        Assert.Contains($"'{path}', {field}: expected a text, found none", run.Error);
    }

    [TestMethod]
    public void Merge_OfMorePartsThanThereCanBe_IsRefused()
    {
        string to = Folder["endless.jsonl"];
        Assert.AreEqual("0-999999\n", Done("merge", to, "--shards", "1000000", "--missing").Out);
        foreach (string count in (string[])["1000001", "2000000000", "99999999999", "0", "-1"])
        {
            ToolRun run = ToolFolder.Run("merge", to, "--shards", count, "--missing");
            Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
            Assert.Contains($"--shards: expected 1 to 1000000, found '{count}'", run.Error);
        }
    }

    [TestMethod]
    [DataRow("3/16", "", 3, 16)]
    [DataRow("slurm", "SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=7",
        5, 8)]
    [DataRow("slurm/8", "SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_COUNT=2", 5, 8)]
    [DataRow("kubernetes/16", "JOB_COMPLETION_INDEX=11", 11, 16)]
    public void Parse_OfAPart_ReadsItsNumber(string text, string variables, int index, int count) =>
        Assert.AreEqual(new RowShard(index, count), RowShard.Parse(text, Variables(variables)));

    [TestMethod]
    [DataRow("16/16", "", "found part 16 of 16")]
    [DataRow("0/1000001", "", "found part 0 of 1000001")]
    [DataRow("slurm/2000000000", "SLURM_ARRAY_TASK_ID=5", "found part 5 of 2000000000")]
    [DataRow("3", "", "found '3'")]
    [DataRow("-1/4", "", "found '-1/4'")]
    [DataRow("kubernetes", "JOB_COMPLETION_INDEX=11", "found 'kubernetes'")]
    [DataRow("kubernetes/4", "", "JOB_COMPLETION_INDEX, found no such variable")]
    [DataRow("slurm", "SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=5",
        "name how many parts there are: --shard slurm/N")]
    public void Parse_OfNoPart_SaysWhatIsExpected(string text, string variables, string message)
    {
        var fault = Assert.ThrowsExactly<UsageException>(() => RowShard.Parse(text, Variables(variables)));
        Assert.Contains(message, fault.Message);
    }

    [TestMethod]
    public void RowsOf_AllParts_AreAllRowsOnce()
    {
        foreach ((long rows, int count) in ((long, int)[])[(0, 3), (1, 3), (11, 4), (4_000_000_000_000, 99_991)])
        {
            long next = 0;
            foreach (RowShard shard in RowShard.All(count))
            {
                (long first, long end) = shard.RowsOf(rows);
                Assert.AreEqual(next, first);
                Assert.IsTrue(end - first == rows / count || end - first == rows / count + 1);
                next = end;
            }
            Assert.AreEqual(rows, next);
        }
        Assert.AreEqual("0,2-4,9", RowShard.Ranges([0, 2, 3, 4, 9]));
    }

    [TestMethod]
    public void Parquet_ThroughGenerate_KeepsTheKindsOfItsColumns()
    {
        string data = Folder.Write("kinds.jsonl", Lines());
        Done("generate", data, "--model", s_model, "--to", Folder["kinds.parquet"]);
        Done("generate", Folder["kinds.parquet"], "--model", s_model, "--to", Folder["kinds-again.parquet"]);
        CollectionAssert.AreEqual(File.ReadAllBytes(Folder["kinds.parquet"]),
            File.ReadAllBytes(Folder["kinds-again.parquet"]), "the same column is replaced by the same texts");
        Done("generate", Folder["kinds.parquet"], "--model", s_model, "--to", Folder["kinds.csv"]);
        Done("generate", data, "--model", s_model, "--to", Folder["kinds-direct.csv"]);
        Assert.AreEqual(File.ReadAllText(Folder["kinds-direct.csv"]), File.ReadAllText(Folder["kinds.csv"]));
        ToolRun run = ToolFolder.Run("generate", Folder["kinds.parquet"], "--model", s_model);
        Assert.AreEqual(ExitCode.Usage, run.Code, run.Error);
        Assert.Contains("Parquet is written whole", run.Error);
    }

    private static string[] Lines() => [.. TinyBase.Rows(Rows).Select((row, i) =>
        $"{{\"Number\":\"{i}\",\"Input\":{JsonText.Quote(i == 4 ? "näh 🍵 \"quoted\", with comma" : row.Input)}}}")];

    private static Func<string, string?> Variables(string text)
    {
        Dictionary<string, string> known = text.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(word => word.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]);
        return known.GetValueOrDefault;
    }

    private static ToolRun Done(params string[] command)
    {
        ToolRun run = ToolFolder.Run(command);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        return run;
    }

    /// <summary>What a part has beside it when all of its rows are written, and its file is not.</summary>
    private static byte[] PartialOf(string data, string to, int index, int count, string[] texts)
    {
        RunManifest run = RunManifest.Read(to)!;
        var shard = new RowShard(index, count);
        using (PartialFile partial = new ShardedRun(run, shard, to).OpenPartial())
        {
            (long first, long end) = shard.RowsOf(run.Rows);
            using IRowReader source = new TableInput(data, TableFormat.Jsonl, "Input", ToolFolder.Silent).Open();
            source.Skip(first);
            Assert.IsFalse(first < end && partial.Has(source.Read()!));
            using IRowReader again = new TableInput(data, TableFormat.Jsonl, "Input", ToolFolder.Silent).Open();
            again.Skip(first);
            foreach (string text in texts[(int)first..(int)end])
                partial.Add(again.Read()!, text);
            if (first == end)
                return [];
        }
        byte[] bytes = File.ReadAllBytes(PartialFile.PathFor(shard.PathOf(to)));
        File.Delete(PartialFile.PathFor(shard.PathOf(to)));
        return bytes;
    }

    private static IEnumerable<string> Texts(string part, string format)
    {
        if (format == "parquet")
        {
            using var rows = new ParquetReading(part, "part");
            ParquetTableWriter writer = ParquetTableWriter.Like(part);
            var texts = new List<string>();
            while (rows.Read() is { } row)
                texts.Add(writer.Row(row, []));
            return texts;
        }
        IEnumerable<string> lines = File.ReadLines(part);
        return format switch
        {
            "json" => [.. lines.Where(line => line.StartsWith('{')).Select(line => line.TrimEnd(','))],
            "csv" or "tsv" => [.. lines.Skip(1).Select(line => line + "\n")],
            _ => [.. lines.Select(line => line + "\n")],
        };
    }
}
