using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Sweeps;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>From a file to candidates.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class SweepFileTests
{
    private readonly ToolFolder _folder = new();

    [TestCleanup]
    public void DeleteFolder() => _folder.Dispose();

    [TestMethod]
    public void Read_OfOptions_MakesTheGrid()
    {
        SweepCandidate[] candidates = Candidates("options:", "  prefix-length: [5, 10]",
            "  learning-rate: { from: 0.001, to: 0.1, count: 3, scale: log }", "  max-epochs: 2",
            "  no-early-stopping: true");
        CollectionAssert.AreEqual(new[]
        {
            "prefix-length 5, learning-rate 0.001", "prefix-length 5, learning-rate 0.01",
            "prefix-length 5, learning-rate 0.1", "prefix-length 10, learning-rate 0.001",
            "prefix-length 10, learning-rate 0.01", "prefix-length 10, learning-rate 0.1",
        }, candidates.Select(candidate => candidate.Name).ToArray());
        PrefixTuningOptions options = candidates[4].Options;
        Assert.AreEqual((10, 0.01, 2), (options.Prefix.Length, options.Training.LearningRate!.Value,
            options.Training.MaxEpochs));
        Assert.IsNull(options.Training.EarlyStopping);
        CollectionAssert.AreEquivalent(new[] { "prefix-length", "learning-rate" },
            candidates[0].Settings.Keys.ToArray());
    }

    [TestMethod]
    [DataRow("7")]
    [DataRow("1")]
    [DataRow("excel")]
    public void Read_OfAFormatThatIsNone_SaysWhichThereAre(string format)
    {
        string path = _folder.Write("format.yaml", "base: b", $"format: {format}");
        Assert.Contains("line 2: format: expected tsv, csv",
            Assert.ThrowsExactly<FormatException>(() => SweepFile.Read(path)).Message);
    }

    [TestMethod]
    public void Read_OfOtherBytesThanUtf8_NamesTheFile()
    {
        string path = _folder.Write("latin.yaml");
        File.WriteAllBytes(path, [.. "label: K"u8, 0xe4, .. "se"u8]);
        Assert.AreEqual($"'{path}': expected UTF-8, found other bytes.",
            Assert.ThrowsExactly<FormatException>(() => SweepFile.Read(path)).Message);
    }

    [TestMethod]
    [DataRow("[")]
    [DataRow("{a: ")]
    public void Read_OfLevelsWithoutEnd_IsRefused(string opening)
    {
        string path = _folder.Write("deep.yaml", string.Concat(Enumerable.Repeat(opening, 100_000)));
        Assert.Contains("line 1: expected keys with values",
            Assert.ThrowsExactly<FormatException>(() => SweepFile.Read(path)).Message);
    }

    [TestMethod]
    public void Read_OfJson_IsTheSame()
    {
        string json = """{ "options": { "prefix-length": [5, 10], "stop-strings": [["\n", "b"]] }, "seeds": [1, 2] }""";
        SweepFile file = SweepFile.Read(_folder.Write("sweep.json", json));
        CollectionAssert.AreEqual(new[] { 1, 2 }, file.Seeds.ToArray());
        SweepCandidate[] candidates = [.. SweepCandidates.Of(file, new SweepOptions())];
        Assert.HasCount(2, candidates);
        CollectionAssert.AreEqual(new[] { "\n", "b" }, candidates[0].Options.Generation.StopStrings.ToArray());
    }

    [TestMethod]
    [DataRow("label: \"null\"", "null")]
    [DataRow("label: '~'", "~")]
    [DataRow("label: !!str null", "null")]
    [DataRow("label: nulls", "nulls")]
    public void Read_OfAWordThatMeansNothingInQuotes_IsTheWord(string line, string expected) =>
        Assert.AreEqual(expected, SweepFile.Read(_folder.Write("quoted.yaml", line)).Label);

    [TestMethod]
    public void Read_OfVariants_PutsEachOverTheOptionsOfAll()
    {
        SweepCandidate[] candidates = Candidates("options: { prefix-length: 7, batch-size: 4 }", "variants:",
            "- { method: embedding-only, learning-rate: [0.1, 0.2] }",
            "- { prefix-length: [3, 4], rows: 50 }");
        CollectionAssert.AreEqual(new[] { 7, 7, 3, 4 },
            candidates.Select(candidate => candidate.Options.Prefix.Length).ToArray());
        CollectionAssert.AreEqual(new int?[] { null, null, 50, 50 },
            candidates.Select(candidate => candidate.Rows).ToArray());
        Assert.AreEqual(PrefixMethod.EmbeddingOnly, candidates[0].Options.Prefix.Method);
        Assert.IsTrue(candidates.All(candidate => candidate.Options.Training.BatchSize == 4));
    }

    [TestMethod]
    public void Read_OfListsThatReadAlike_NamesThemApart()
    {
        SweepCandidate[] candidates = Candidates("options: { prefix-length: 4, stop-strings: [['a, b'], [a, b]] }");
        CollectionAssert.AreEqual(new[] { "stop-strings \"a, b\"", "stop-strings \"a\", \"b\"" },
            candidates.Select(candidate => candidate.Name).ToArray());
        CollectionAssert.AreEqual(new[] { "\"a, b\"", "\"a\", \"b\"" },
            candidates.Select(candidate => candidate.Settings["stop-strings"]).ToArray());
        Assert.AreEqual("stop-strings a, b",
            Candidates("options: { stop-strings: [[a, b], c] }").Select(candidate => candidate.Name).First());
    }

    [TestMethod]
    [DataRow("options: { learning-rate: [0.1, 0.10, 0.100, 0.2] }", "learning-rate 0.1", "learning-rate 0.2")]
    [DataRow("options: { learning-rate: [0.1, 0.10] }", "as the file says")]
    [DataRow("options: { rows: [4, 04, all], prefix-length: 3 }", "rows 4", "rows all")]
    [DataRow("variants: [{ method: prefix, prefix-length: 3 }, { prefix-length: 03 }]", "as the file says")]
    [DataRow("variants: [{ rows: all, prefix-length: 3 }, { prefix-length: [3, 4] }]", "rows all, prefix-length 3",
        "prefix-length 4")]
    public void Read_OfValuesThatAreOneWhenRead_TakesTheFirst(string line, params string[] names) =>
        CollectionAssert.AreEqual(names, Candidates(line).Select(candidate => candidate.Name).ToArray());

    [TestMethod]
    public void Read_OfOtherValuesOfACaller_KeepsThemApart()
    {
        SweepFile file = SweepFile.Read(_folder.Write("sweep.yaml", "variants:", "- { baseline: all }",
            "- { baseline: top2 }", "- { baseline: all, prefix-length: [3, 03] }"));
        CollectionAssert.AreEqual(new[] { "baseline all", "baseline top2", "baseline all, prefix-length 3" },
            SweepCandidates.Of(file, new SweepOptions("baseline")).Select(candidate => candidate.Name).ToArray());
    }

    [TestMethod]
    public void Read_OfRandom_DrawsTheSameForASeed()
    {
        string[] lines = ["random: { count: 6, seed: 3 }", "options:", "  prefix-length: { from: 1, to: 9 }",
            "  learning-rate: { from: 0.001, to: 1, scale: log }"];
        string[] names = [.. Candidates(lines).Select(candidate => candidate.Name)];
        Assert.HasCount(6, names.Distinct());
        CollectionAssert.AreEqual(names, Candidates(lines).Select(candidate => candidate.Name).ToArray());
        lines[0] = "random: { count: 6, seed: 4 }";
        CollectionAssert.AreNotEqual(names, Candidates(lines).Select(candidate => candidate.Name).ToArray());
        // Those that a step or a count leaves.
        int[] lengths = [.. Candidates("random: { count: 6, seed: 3 }",
            "options: { prefix-length: { from: 5, to: 50, step: 5 } }").Select(one => one.Options.Prefix.Length)];
        Assert.HasCount(6, lengths);
        Assert.IsTrue(Array.TrueForAll(lengths, length => length % 5 == 0), string.Join(", ", lengths));
        CollectionAssert.AreEquivalent(new double?[] { 0.001, 0.01, 0.1 }, Candidates("random: { count: 3 }",
            "options: { learning-rate: { from: 0.001, to: 0.1, count: 3, scale: log } }")
            .Select(one => one.Options.Training.LearningRate).ToArray());
        // A few values are all there are.
        Assert.HasCount(2, Candidates("random: { count: 9 }", "options: { prefix-length: [1, 2] }"));
        Assert.HasCount(2, Candidates("random: { count: 2 }", "options: { prefix-length: [1, 01, 001, 0001, 2] }"));
    }

    [TestMethod]
    [DataRow("options: { prefix-lenght: 5, learning-rats: 1 }",
        "line 1: prefix-lenght: no option of 'prefix-tune train', which has them all in its --help. Did you mean"
            + " 'prefix-length'?|Did you mean 'learning-rate'?")]
    [DataRow("option: { prefix-length: 5 }", "line 1: expected one of base,|Did you mean 'options'?")]
    [DataRow("options: { seed: 5 }", "seeds stand under 'seeds'")]
    [DataRow("options: { example-rows: 2 }", "example-rows: no option of a sweep: each run's first texts are kept")]
    [DataRow("{ validation: v.tsv, options: { validation-fraction: [0.1, 0.2] } }",
        "line 1: validation-fraction: expected none beside 'validation', which has the rows held out, found '|v.tsv'")]
    [DataRow("options: { learning-rate: fast }", "--learning-rate: expected a number, found 'fast'")]
    [DataRow("options: { method: prefix-tuning }", "--method: expected prefix, embedding-only")]
    [DataRow("options: { learning-rate: { from: 1, to: 2 } }", "expected count or step")]
    [DataRow("options: { learning-rate: { from: 0, to: 2, count: 2, scale: log } }", "above 0 on a log scale")]
    [DataRow("options: { learning-rate: { from: 0.001, to: 1, step: 0.1, scale: log } }",
        "either a count of 1 or more or, on a linear scale, a step above 0")]
    [DataRow("options: { rows: some }", "rows: expected a whole number above 0")]
    [DataRow("options: [1]", "options: expected keys with values")]
    [DataRow("variants: []", "variants: expected at least one, found none")]
    [DataRow("options: { batch-size: 5, --batch-size: 6 }", "options: expected each option once, found '--batch-size'")]
    [DataRow("options: { learning-rate: { from: 0, to: 1, step: 0.00000001 } }",
        "learning-rate: expected at most 10,000 candidates, found 100,000,001")]
    [DataRow("options: { prefix-length: { from: 1, to: 500, count: 500 }, batch-size: { from: 1, to: 99, count: 99 },"
        + " max-epochs: [1, 2] }", "expected at most 10,000 candidates, found 99,000")]
    [DataRow("{ random: { count: 20000 }, options: { prefix-length: { from: 1, to: 90000 } } }", "found 20,000")]
    [DataRow("options: { prefix-length: [4, 0] }", "prefix-length 0: prefix-length: expected 1 or more, found 0.")]
    [DataRow("options: { decoding: beam, beam-width: 100000, sequence-count: 1000000000 }",
        "beam-width: expected at most 1,024, found 100000.|sequence-count: expected at most 1,024, found 1000000000.")]
    [DataRow("options: { template: no place }", "template: expected {input} exactly once, found 'no place'.")]
    [DataRow("{ random: { count: 0 }, options: { prefix-length: 4 } }",
        "random: expected a count of 1 or more, found 0.")]
    [DataRow("{ metrics: [bleu] }", "line 1: metrics: expected 'test' beside it, whose rows are measured, found none")]
    [DataRow("group-column: Facts", "group-column: expected 'test' beside it")]
    [DataRow("seeds: one", "expected a whole number, found 'one'")]
    [DataRow("output: null", "line 1: expected a text or a number, found null: leave the key out")]
    [DataRow("output: ~", "found null")]
    [DataRow("label:", "found null")]
    [DataRow("{ \"test\": null }", "found null")]
    [DataRow("options: { stop-strings: [[a, NULL]] }", "line 1: options: expected a text or a number, found null")]
    [DataRow("- 1", "expected one document with keys")]
    [DataRow("options: { a: 1", "line ")]
    public void Read_OfABadFile_SaysWhereAndWhat(string line, string messages)
    {
        Exception fault = Assert.Throws<Exception>(() => Candidates(line));
        Assert.IsTrue(fault is UsageException or FormatException, $"{fault}");
        foreach (string message in messages.Split('|'))
            Assert.Contains(message, fault.Message);
        Assert.Contains("sweep", fault.Message);
    }

    [TestMethod]
    public void Read_OfAStartFromAFile_LooksBesideTheSweep()
    {
        string model = _folder.Train();
        Assert.AreEqual(ExitCode.Done, ToolFolder.Run("convert", model, _folder["four.safetensors"]).Code);
        SweepFile file = SweepFile.Read(_folder.Write("start.yaml", "base: base", "data: rows.tsv",
            "options: { prefix-start: [zero, 'file:four.safetensors'] }"));
        var commands = new List<string>();
        SweepCandidate[] candidates = [.. SweepCandidates.Of(file, new SweepOptions(), words =>
        {
            commands.AddRange(words);
            return "";
        })];
        Assert.AreEqual("prefix-start file:four.safetensors", candidates[1].Name);
        Assert.AreEqual(4, ((PrefixValuesStart)candidates[1].Options.Prefix.Start).Prefix.Length);
        CollectionAssert.AreEqual(new[] { "--prefix-start=zero", $"--prefix-start=file:{_folder["four.safetensors"]}" },
            commands);
        CollectionAssert.AreEqual(new[] { _folder["four.safetensors"] }, SweepOptions.Files(file).ToArray());
    }

    [TestMethod]
    public void Read_OfHowOftenStatesAreWritten_LeavesItOutOfTheCommand()
    {
        SweepFile file = SweepFile.Read(_folder.Write("sweep.yaml", "options: { state-interval: 5, batch-size: 4 }"));
        SweepCandidate candidate = SweepCandidates.Of(file, new SweepOptions(), words => string.Join(' ', words))[0];
        Assert.AreEqual("--batch-size=4", candidate.Command);
        Assert.AreEqual(5, candidate.Options.Training.StateInterval);
    }

    [TestMethod]
    [DataRow("nothing-of-this-name")]
    [DataRow("./base")]
    public void Read_OfABase_LooksBesideTheSweepAlone(string name) => Assert.AreEqual(
        Path.Combine(_folder.Folder, name), SweepFile.Read(_folder.Write("base.yaml", $"base: {name}")).Base);

    [TestMethod]
    public void Read_OfThePackagedBase_KeepsItsName()
    {
        Directory.CreateDirectory(_folder["smollm2"]);
        Assert.AreEqual("smollm2", SweepFile.Read(_folder.Write("base.yaml", "base: smollm2")).Base);
    }

    private SweepCandidate[] Candidates(params string[] lines) =>
        [.. SweepCandidates.Of(SweepFile.Read(_folder.Write("sweep.yaml", lines)), new SweepOptions())];
}
