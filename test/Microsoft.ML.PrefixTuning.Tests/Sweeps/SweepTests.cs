using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Sweeps;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Sweeps;

/// <summary>Sweeps on a tiny base: what is compared, goes on, stops early, fails, is joined.</summary>
[TestClass]
public sealed class SweepTests
{
    private static readonly MLContext Context = new(seed: 1);

    private readonly TemporaryFolder _folder = new();

    [TestCleanup]
    public void DeleteFolder() => _folder.Dispose();

    [TestMethod]
    public void Sweep_OfAGrid_RunsEveryCandidateWithEverySeedAndKeepsTheBest()
    {
        SweepResults results = Run(Sweep("all", Length(2), Length(4)) with
        {
            Seeds = [1, 2],
            TestSet = Rows(3),
            TextCount = 2,
        });
        CollectionAssert.AreEqual(new[] { 1, 2, 3, 4 }, results.Runs.Select(run => run.Number).ToArray());
        CollectionAssert.AreEqual(new[] { 1, 2, 1, 2 }, results.Runs.Select(run => run.Seed).ToArray());
        Assert.IsTrue(results.Runs.All(run => run.Status == SweepRunStatus.Done), Describe(results));
        Assert.IsTrue(results.Runs.All(run => run.Measures.ContainsKey("BLEU") && run.Texts.Count == 2
            && run.PeakMemory > 0 && run.Losses.Count == 6));
        double[] means = [.. results.Candidates.Select(one => one.HeldOutLoss!.Mean)];
        CollectionAssert.AreEqual(means.Order().ToArray(), means);
        SweepRun best = results.Best!;
        Assert.AreEqual(results.Candidates[0].Runs.Min(run => run.HeldOutLoss), best.HeldOutLoss);
        Assert.IsNotNull(results.Candidates[0].HeldOutLoss!.Spread);
        // An ordinary model, the one that the line tells of.
        using var model = (IDisposable)Context.Model.Load(results.BestModel, out _);
        Assert.AreEqual(best.HeldOutLoss, Tuned(model).TrainingSummary!.BestLoss);
        SweepRun[] lines = [.. SweepFolder.ReadLines(Path.Combine(results.Folder, SweepFolder.LinesName))];
        CollectionAssert.AreEqual(
            new[] { 2, 2, 4, 4 }.Select(length => OptionCode.Of(Length(length).Options)).ToArray(),
            lines.Select(run => run.Code).ToArray(), "options that do not vary stand in a line, too");
        string page = File.ReadAllText(Path.Combine(results.Folder, SweepFolder.PageName));
        Assert.Contains("class=\"sortable\"", page);
        Assert.Contains($"Prefix = new PrefixOptions {{ Length = {best.Name[^1]} }}", page);
    }

    [TestMethod]
    public void Sweep_CancelledAndRunAgain_GivesTheSameRuns()
    {
        PrefixSweep sweep = Sweep("whole", Length(2), Length(4));
        string[] expected = [.. Run(sweep).Runs.Select(Plain)];
        foreach (int step in (int[])[2, 8])
        {
            using var cancellation = new CancellationTokenSource();
            int steps = 0;
            PrefixSweep cut = sweep with
            {
                Folder = _folder[$"cut{step}"],
                CancellationToken = cancellation.Token,
                Progress = progress =>
                {
                    if (progress.Training is not null && ++steps == step)
                        cancellation.Cancel();
                },
            };
            Assert.ThrowsExactly<OperationCanceledException>(() => Run(cut));
            SweepResults resumed = Run(cut with { CancellationToken = default, Progress = null });
            CollectionAssert.AreEqual(expected, resumed.Runs.Select(Plain).ToArray(), $"cut after step {step}");
        }
    }

    [TestMethod]
    public void Sweep_DoneAlready_TrainsNothing()
    {
        PrefixSweep sweep = Sweep("again", Length(2));
        Run(sweep);
        Run(sweep with { Progress = progress => Assert.IsNull(progress.Training) });
    }

    [TestMethod]
    public void Sweep_WithOneThatFails_GoesOnAndTellsWhy()
    {
        var failing = new SweepCandidate("failing", TinyBase.Quick with
        {
            Prefix = new PrefixOptions { Sites = [AttentionSite.Cross] },
        });
        SweepResults results = Run(Sweep("failing", failing, Length(2)));
        Assert.AreEqual(SweepRunStatus.Failed, results.Runs[0].Status);
        Assert.Contains("Sites", results.Runs[0].Error!);
        Assert.AreEqual(SweepRunStatus.Done, results.Runs[1].Status);
        Assert.AreEqual("length 2", results.Candidates[0].Name);
        Assert.Contains("1 of 2 runs failed", string.Join(' ', results.Notes));
    }

    [TestMethod]
    public void Sweep_WithHalving_StopsTheWorseAndTrainsTheBestToItsEnd()
    {
        SweepResults results = Run(Halved("halved"));
        Assert.AreEqual("done 1, stopped 2", Counts(results));
        SweepRun[] stopped = [.. results.Runs.Where(run => run.Status == SweepRunStatus.Stopped)];
        Assert.IsTrue(stopped.All(run => run.Losses.Count < results.Best!.Losses.Count && run.Measures.Count == 0));
        double[] compared = [.. results.Runs.Select(run => SweepPlan.LossAfter(run, 1))];
        Assert.AreEqual(compared.Min(), SweepPlan.LossAfter(results.Best!, 1));
        // What rests and goes on is the training that would not have rested.
        SweepResults whole = Run(Sweep("unhalved", [.. Halved("").Candidates]));
        Assert.AreEqual(whole.Runs[results.Best!.Number - 1].HeldOutLoss, results.Best.HeldOutLoss);
    }

    [TestMethod]
    public void Sweep_WithHalvingAfterTheEnd_IsRefused() => Assert.Contains(
        "Halving.FirstEpochs: expected fewer than the 3 epochs of the longest training, found 3.",
        Assert.ThrowsExactly<ArgumentException>(() =>
            Run(Halved("late") with { Halving = new SuccessiveHalving { FirstEpochs = 3 } })).Message);

    [TestMethod]
    public void Sweep_WithHalvingCutAndRunAgain_StopsTheSameOnes()
    {
        string[] expected = [.. Run(Halved("halved")).Runs.Select(Plain)];
        using var cancellation = new CancellationTokenSource();
        int steps = 0;
        PrefixSweep cut = Halved("cut") with
        {
            CancellationToken = cancellation.Token,
            Progress = progress =>
            {
                if (progress.Training is not null && ++steps == 5)
                    cancellation.Cancel();
            },
        };
        Assert.ThrowsExactly<OperationCanceledException>(() => Run(cut));
        CollectionAssert.AreEqual(expected, Run(Halved("cut")).Runs.Select(Plain).ToArray());
    }

    [TestMethod]
    public void Sweep_InShards_IsJoinedToTheSameRuns()
    {
        PrefixSweep sweep = Sweep("whole", Length(2), Length(3), Length(4));
        string[] expected = [.. Run(sweep).Runs.Select(Plain)];
        PrefixSweep shards = sweep with { Folder = _folder["shards"] };
        Run(shards with { Shard = new SweepShard(1, 2) });
        string missing =
            Assert.ThrowsExactly<InvalidOperationException>(() => SweepResults.Merge(shards.Folder)).Message;
        Assert.Contains("missing: 1, 3", missing);
        Run(shards with { Shard = new SweepShard(0, 2) });
        SweepResults joined = SweepResults.Merge(shards.Folder);
        CollectionAssert.AreEqual(expected, joined.Runs.Select(Plain).ToArray());
        Assert.IsTrue(File.Exists(joined.BestModel));
    }

    [TestMethod]
    public void Sweep_InTheFolderOfAnother_IsRefusedByWhatDiffers()
    {
        PrefixSweep sweep = Sweep("one", Length(2));
        Run(sweep);
        Assert.Contains("length 2", Refusal(sweep with { Candidates = [Length(3)] }));
        Assert.Contains("Length = 4", Refusal(sweep with { Candidates = [Length(4) with { Name = "length 2" }] }));
        Assert.Contains("seeds", Refusal(sweep with { Seeds = [7] }));
        Assert.Contains("test rows", Refusal(sweep with { TestSet = Rows(2) }));

        static string Refusal(PrefixSweep other) =>
            Assert.ThrowsExactly<InvalidOperationException>(() => Run(other)).Message;
    }

    [TestMethod]
    public void Sweep_OfFewerRows_DrawsThemByTheSeed()
    {
        SweepResults results = Run(Sweep("rows", Length(2) with { Rows = 10 }) with { Seeds = [1, 2] });
        Assert.IsTrue(results.Runs.All(run => run.TrainingRows + run.HeldOutRows == 10), Describe(results));
        long[] drawn = [.. Places(1)];
        CollectionAssert.AreEqual(drawn, Places(1).ToArray());
        CollectionAssert.AreNotEqual(drawn, Places(2).ToArray());
        Assert.HasCount(10, drawn.Distinct());

        static IEnumerable<long> Places(int seed)
        {
            using DataViewRowCursor cursor = RowSubset.Draw(Rows(24), 10, seed).GetRowCursor([]);
            while (cursor.MoveNext())
                yield return cursor.Position;
        }
    }

    [TestMethod]
    public void Sweep_OfMoreRowsThanThereAre_IsRefusedBeforeAnyRun()
    {
        PrefixSweep sweep = Sweep("more", Length(2), Length(3) with { Rows = 25 }, Length(4) with { Rows = 24 });
        Assert.Contains("Candidate 'length 3': expected at most the 24 training rows that there are, found 25.",
            Assert.ThrowsExactly<ArgumentException>(() => Run(sweep)).Message);
        Assert.IsFalse(Directory.Exists(sweep.Folder));
    }

    [TestMethod]
    public void Sweep_OfAllRowsAndOfTheirNumber_IsRefusedBeforeAnyRun()
    {
        PrefixSweep sweep = Sweep("twice", Length(2), Length(3) with { Rows = 24 },
            Length(2) with { Name = "24 rows", Rows = 24 });
        Assert.Contains("Candidate '24 rows': expected fewer than the 24 training rows that there are, all of which"
            + " 'length 2' has with the same options, found 24.",
            Assert.ThrowsExactly<ArgumentException>(() => Run(sweep)).Message);
        Assert.IsFalse(Directory.Exists(sweep.Folder));
    }

    [TestMethod]
    public void Sweep_OfATestSetInParts_MeasuresEachOnItsOwnToo()
    {
        var rows = TinyBase.Rows(4).Select((row, i) => new { row.Input, row.Label, Part = i < 3 ? "seen" : "unseen" });
        IDataView test = Context.Data.LoadFromEnumerable(rows);
        SweepRun run = Run(Sweep("parts", Length(2)) with { TestSet = test, TestPartColumnName = "Part" }).Runs[0];
        Assert.AreEqual(run.Measures["length"], (3 * run.Measures["length, seen"] + run.Measures["length, unseen"]) / 4,
            1e-9);
    }

    [TestMethod]
    public void Sweep_OfMeasuresThatNeedAWord_SaysItOnce()
    {
        var rows = TinyBase.Rows(3).Select((row, i) =>
            new { row.Input, Label = i < 2 ? "Тихое место ." : row.Label, Part = i < 2 ? "seen" : "unseen" });
        PrefixSweep sweep = Sweep("notes", Length(2), Length(4)) with
        {
            TestSet = Context.Data.LoadFromEnumerable(rows),
            TestPartColumnName = "Part",
        };
        SweepResults results = Run(sweep);
        Assert.HasCount(1, results.Notes.Where(note => note.StartsWith("ROUGE: ", StringComparison.Ordinal)));
        string page = File.ReadAllText(Path.Combine(results.Folder, SweepFolder.PageName));
        Assert.Contains("ROUGE: it knows the letters a to z", page);
        foreach (SweepRun run in results.Runs)
        {
            Assert.HasCount(1, run.Notes.Where(note => note.StartsWith("ROUGE: ", StringComparison.Ordinal)));
            // Of the parts, only what is not said of the whole.
            Assert.Contains("CIDEr: one text alone has 0, for words weigh by how few of the texts' references have"
                + " them. (So in the part 'unseen'.)", run.Notes);
        }
        CollectionAssert.AreEqual(results.Notes.ToArray(), SweepResults.Merge(results.Folder).Notes.ToArray());
    }

    [TestMethod]
    public void Notes_OfRunsThatDiffer_AreOneOfAKindThatSaysWhose()
    {
        SweepRun[] runs = [Of(1), Of(2, "ROUGE: 3 texts."), Of(3, "ROUGE: 2 texts.", "CIDEr: none."),
            Of(4, "CIDEr: none.", "ROUGE: 3 texts.")];
        CollectionAssert.AreEqual(new[] { "ROUGE: 3 texts. (So in run 2; alike in 2 others.)", "CIDEr: none." },
            SweepMeasures.NotesOf(runs).ToArray());

        static SweepRun Of(int number, params string[] notes) =>
            new() { Number = number, Name = "all", Seed = 1, Notes = notes };
    }

    [TestMethod]
    public void Sweep_WithoutRowsHeldOut_SaysWhatToGive()
    {
        var candidate = new SweepCandidate("none", TinyBase.Quick with
        {
            Training = TinyBase.Quick.Training with { ValidationFraction = 0 },
        });
        SweepRun run = Run(Sweep("none", candidate)).Runs[0];
        Assert.AreEqual(SweepRunStatus.Failed, run.Status);
        Assert.Contains("ValidationSet", run.Error!);
    }

    [TestMethod]
    public void Sweep_OfBadMembers_IsRefusedBeforeAnyRun()
    {
        PrefixSweep sweep = Sweep("bad", Length(0), Length(0), Length(2) with { Name = null!, Settings = null! },
            new SweepCandidate("told", TinyBase.Quick with
            {
                Training = TinyBase.Quick.Training with
                {
                    Progress = _ => { },
                    CancellationToken = new CancellationToken(canceled: true),
                },
                Generation = TinyBase.Quick.Generation with { ErrorColumnName = "Group" },
            })) with
        {
            Seeds = [1, 1],
            OutputColumnName = "Label",
            Evaluation = new TextGenerationEvaluationOptions { GroupColumnName = "Group" },
        };
        string message = Assert.ThrowsExactly<ArgumentException>(() => Run(sweep)).Message;
        foreach (string part in (string[])["Candidates[1].Options.Prefix.Length", "names that differ", "Seeds",
            "Candidates[2].Name", "Candidates[2].Settings", "Candidates[3].Options.Progress: expected null",
            "Candidates[3].Options.CancellationToken: expected none",
            "Candidates[3].Options.Generation.ErrorColumnName: expected another name than that of the group column",
            "OutputColumnName: expected another name than that of the label column, found 'Label'."])
            Assert.Contains(part, message);
        Assert.IsFalse(Directory.Exists(sweep.Folder));
    }

    [TestMethod]
    public void Sweep_OfRowsWithoutAColumn_IsRefusedBeforeAnyRun()
    {
        PrefixSweep sweep = Sweep("columns", Length(2));
        IDataView inputs = Context.Data.LoadFromEnumerable(TinyBase.Rows(4).Select(row => new { row.Input }));
        Refused("label column 'Label'", sweep with { TestSet = inputs });
        Refused("label column 'Label'", sweep with { ValidationSet = inputs });
        Refused("label column 'Wanted'", sweep with { LabelColumnName = "Wanted" });
        Refused("part column 'Part'", sweep with { TestSet = Rows(4), TestPartColumnName = "Part" });
        Refused("group column 'Group'", sweep with
        {
            TestSet = Rows(4),
            Evaluation = new TextGenerationEvaluationOptions { GroupColumnName = "Group" },
        });
        Refused("TestSet: expected rows", sweep with { TestSet = Rows(0) });
        Assert.ThrowsExactly<DirectoryNotFoundException>(() => Run(sweep with
        {
            TestSet = Rows(4),
            Evaluation = new TextGenerationEvaluationOptions { MeteorFolder = "/nowhere/at/all" },
        }));
        Assert.IsFalse(Directory.Exists(sweep.Folder));

        static void Refused(string message, PrefixSweep sweep) =>
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => Run(sweep)).Message);
    }

    [TestMethod]
    [DataRow("runs.jsonl")]
    [DataRow("report.html")]
    [DataRow("best.zip")]
    [DataRow("runs/0001.json")]
    public void Sweep_IntoAFolderWithFilesOfItsNames_IsRefusedAndLeavesThem(string name)
    {
        PrefixSweep sweep = Sweep("foreign", Length(2));
        string path = Path.Combine(sweep.Folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, "mine");
        string message = Assert.ThrowsExactly<InvalidOperationException>(() => Run(sweep)).Message;
        Assert.Contains("Give another folder", message);
        Assert.AreEqual("mine", File.ReadAllText(path));
        Assert.IsFalse(File.Exists(Path.Combine(sweep.Folder, SweepFolder.ManifestName)));
    }

    private PrefixSweep Sweep(string folder, params SweepCandidate[] candidates) => new()
    {
        OutputColumnName = "Output",
        InputColumnName = "Input",
        LabelColumnName = "Label",
        BaseModel = TinyBase.Llama,
        Candidates = candidates,
        Folder = _folder[folder],
        TextCount = 1,
    };

    private PrefixSweep Halved(string folder) => Sweep(folder, [.. new[] { 0.0001, 0.001, 0.5 }.Select(rate =>
        new SweepCandidate($"rate {rate}", TinyBase.Quick with
        {
            Training = TinyBase.Quick.Training with
            {
                MaxSteps = null, MaxEpochs = 3, BatchSize = 8, LearningRate = rate, StateInterval = 1,
                ValidationFraction = 0.2,
            },
        }))]) with
    { Halving = folder.Length == 0 ? null : new SuccessiveHalving { Factor = 3 } };

    private static SweepCandidate Length(int length) => new($"length {length}", TinyBase.Quick with
    {
        Prefix = new PrefixOptions { Length = length },
        Training = TinyBase.Quick.Training with { ValidationFraction = 0.2, StateInterval = 1 },
    });

    [TestMethod]
    public void BestRun_WhereALossIsNoNumber_IsOneWithALoss()
    {
        SweepRun[] runs = [OfLoss(1, double.NaN), OfLoss(2, 1.5), OfLoss(3, null), OfLoss(4, 1.2)];
        var result = new SweepCandidateResult("all", new Dictionary<string, string>(), runs) { Code = "" };
        Assert.AreEqual(4, result.BestRun?.Number);

        static SweepRun OfLoss(int number, double? loss) =>
            new() { Number = number, Name = "all", Seed = number, Status = SweepRunStatus.Done, HeldOutLoss = loss };
    }

    private static SweepResults Run(PrefixSweep sweep) => Context.TextGeneration.Sweep(Rows(24), sweep);

    private static IDataView Rows(int count) => Context.Data.LoadFromEnumerable(TinyBase.Rows(count));

    private static PrefixTuningTransformer Tuned(object model) => model as PrefixTuningTransformer
        ?? ((IEnumerable<ITransformer>)model).OfType<PrefixTuningTransformer>().Single();

    /// <summary>A run but for what its machine has a part in.</summary>
    private static string Plain(SweepRun run) => string.Join(' ', run.Number, run.Name, run.Seed, run.Status,
        run.StartLoss, run.HeldOutLoss, run.BestStep, run.Epochs, run.End, string.Join(',', run.Losses),
        string.Join(',', run.HeldOutLosses), string.Join(',', run.Measures), string.Join(',', run.Texts), run.Tokens);

    private static string Counts(SweepResults results) => string.Join(", ", results.Runs.CountBy(run => run.Status)
        .OrderBy(pair => pair.Key).Select(pair => $"{pair.Key} {pair.Value}")).ToLowerInvariant();

    private static string Describe(SweepResults results) => string.Join("; ", results.Runs.Select(run => run.Error));
}
