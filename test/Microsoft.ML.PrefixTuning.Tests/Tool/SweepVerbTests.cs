using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>The verb <c>sweep</c>, killed among other things.</summary>
[TestClass]
public sealed class SweepVerbTests
{
    // What its machine has a part in.
    private static readonly string[] OfTheMachine = ["trainingSeconds", "writingSeconds", "peakMemory"];

    private readonly ToolFolder _folder = new();

    [TestCleanup]
    public void DeleteFolder() => _folder.Dispose();

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void Run_KilledAndRunAgain_GivesTheSameTable()
    {
        string file = WriteSweep("epochs.yaml", "  prefix-length: [2, 3]", "  max-epochs: 20");
        ToolRun whole = ToolFolder.Run("sweep", file, "--results", _folder["whole"]);
        Assert.AreEqual(ExitCode.Done, whole.Code, whole.Error);
        string[] expected = Lines("whole");
        Assert.HasCount(2, expected);
        using (Process child = ToolFolder.Start("sweep", file, "--results", _folder["killed"]))
        {
            // Of the second run a state is there.
            string state = Path.Combine(_folder["killed"], "runs", "0002.state");
            while (!File.Exists(state) && !child.WaitForExit(1))
            {
            }
            child.Kill();
            child.WaitForExit();
        }
        Assert.IsFalse(File.Exists(Path.Combine(_folder["killed"], "runs.jsonl")));
        ToolRun resumed = ToolFolder.Run("sweep", file, "--results", _folder["killed"]);
        Assert.AreEqual(ExitCode.Done, resumed.Code, resumed.Error);
        Assert.DoesNotContain("run 1/2", resumed.Error);
        CollectionAssert.AreEqual(expected, Lines("killed"));
        Assert.AreEqual(whole.Out.Replace("whole", "killed", StringComparison.Ordinal), resumed.Out);
    }

    [TestMethod]
    public void Run_WithOneThatFails_TellsItInTableAndExitCode()
    {
        string file = WriteSweep("failing.yaml", "  prefix-length: [2, 5000]", "  max-steps: 2");
        ToolRun run = ToolFolder.Run("sweep", file);
        Assert.AreEqual(ExitCode.Failed, run.Code, run.Error);
        Assert.Contains("1 done", run.Out);
        Assert.Contains("prefix-length: expected fewer tokens", run.Out.Replace("\n", " ", StringComparison.Ordinal));
        Assert.Contains("prefix-tune train", run.Out);
        Assert.Contains("--prefix-length=2", run.Out);
        Assert.IsTrue(File.Exists(Path.Combine(_folder["failing"], "best.zip")));
        // It is tried again, and told once.
        ToolRun again = ToolFolder.Run("sweep", file);
        Assert.HasCount(1, again.Error.Split('\n').Where(line => line.StartsWith("run ", StringComparison.Ordinal)));
        Assert.Contains("run 2/2", again.Error);
        // The model is an ordinary one.
        Assert.AreEqual(ExitCode.Done, ToolFolder.RunWith("Venue\n", "generate", "--model",
            Path.Combine(_folder["failing"], "best.zip"), "--max-new-tokens", "4").Code);
    }

    [TestMethod]
    public void Run_InShards_IsMergedToTheSameLines()
    {
        string file = WriteSweep("shards.yaml", "  prefix-length: [2, 3]", "  max-steps: 2");
        Assert.AreEqual(ExitCode.Done, ToolFolder.Run("sweep", file).Code);
        string[] shards = ["--results", _folder["parts"]];
        ToolRun first = ToolFolder.Run(["sweep", file, .. shards, "--shard", "1/2"]);
        Assert.AreEqual(ExitCode.Done, first.Code, first.Error);
        ToolRun early = ToolFolder.Run(["sweep", file, .. shards, "--merge"]);
        Assert.AreEqual(ExitCode.Failed, early.Code);
        Assert.Contains("missing: 1", early.Error);
        Assert.AreEqual(ExitCode.Done, ToolFolder.Run(["sweep", file, .. shards, "--shard", "0/2"]).Code);
        ToolRun merged = ToolFolder.Run(["sweep", file, .. shards, "--merge"]);
        Assert.AreEqual(ExitCode.Done, merged.Code, merged.Error);
        CollectionAssert.AreEqual(Lines("shards"), Lines("parts"));
        // Not those of another file, whose name they would be told under.
        string other = WriteSweep("other.yaml", "  prefix-length: [2, 4]", "  max-steps: 2");
        ToolRun refused = ToolFolder.Run(["sweep", other, .. shards, "--merge"]);
        Assert.AreEqual(ExitCode.Failed, refused.Code);
        Assert.Contains("a candidate: there prefix-length 3", refused.Error);
        Assert.AreEqual(ExitCode.Failed, ToolFolder.Run(["sweep", _folder["none.yaml"], .. shards, "--merge"]).Code);
    }

    [TestMethod]
    public void Run_WithHalving_TellsWhatCameOfEachStretchOnce()
    {
        string file =
            WriteSweep("halving.yaml", "  prefix-length: [2, 3]", "  max-epochs: 2", "halving: { factor: 2 }");
        ToolRun run = ToolFolder.Run("sweep", file);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        string[] told = [.. run.Error.Split('\n').Where(line => line.StartsWith("run ", StringComparison.Ordinal))];
        CollectionAssert.AreEquivalent(new[] { "paused", "paused", "stopped early", "done" },
            told.Select(line => line.Split(": ")[1].Split(',')[0]).ToArray());
        ToolRun shard = ToolFolder.Run("sweep", file, "--shard", "0/2");
        Assert.AreEqual(ExitCode.Usage, shard.Code);
        Assert.Contains("--shard: expected none with Halving", shard.Error);
    }

    [TestMethod]
    public void Run_OfUnknownOptions_IsRefusedBeforeAnything()
    {
        ToolRun run = ToolFolder.Run("sweep", WriteSweep("unknown.yaml", "  prefix-lenght: [2, 3]"));
        Assert.AreEqual(ExitCode.Usage, run.Code);
        Assert.Contains("Did you mean 'prefix-length'?", run.Error);
        Assert.IsFalse(Directory.Exists(_folder["unknown"]));
    }

    [TestMethod]
    public void Run_OfAFileWithoutRows_NamesTheKeyAlone()
    {
        string file = _folder.Write("bare.yaml", "base: base", "options: { prefix-length: [2, 3] }");
        ToolRun run = ToolFolder.Run("sweep", file);
        Assert.AreEqual((ExitCode.Usage, $"prefix-tune: '{file}': expected a value for 'data', found none.\n"),
            (run.Code, run.Error));
    }

    private string WriteSweep(string name, params string[] options)
    {
        _folder.WriteRows("rows.tsv", 24);
        return _folder.Write(name, [$"base: {ToolFolder.Base}", "data: rows.tsv", "input: Input", "label: Label",
            "test: rows.tsv", "metrics: [bleu]", "texts: 1", "options:", "  batch-size: 8", "  state-interval: 1",
            "  validation-fraction: 0.2", "  max-new-tokens: 6", .. options]);
    }

    private string[] Lines(string folder) =>
        [.. File.ReadAllLines(Path.Combine(_folder[folder], "runs.jsonl")).Select(line =>
        {
            JsonObject run = JsonNode.Parse(line)!.AsObject();
            foreach (string name in OfTheMachine)
                Assert.IsTrue(run.Remove(name), name);
            return run.ToJsonString();
        })];
}
