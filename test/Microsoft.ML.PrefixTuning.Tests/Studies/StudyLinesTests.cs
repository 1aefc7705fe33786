using System;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Studies;
using Microsoft.ML.PrefixTuning.Sweeps;
using Microsoft.ML.PrefixTuning.Tests.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Studies;

/// <summary>What the pages of a study keep of its runs, and what goes on from there.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class StudyLinesTests
{
    [TestMethod]
    public void Restore_OfAFreshFolder_TakesTheRunsThatAreDone()
    {
        using var folder = new ToolFolder();
        SweepManifest manifest = Manifest("rows: some\n");
        SweepRun[] runs = [.. manifest.Runs];
        runs[1] = runs[1] with
        {
            Status = SweepRunStatus.Done,
            HeldOutLoss = 1.5,
            Losses = [2, 1.5],
            Precision = ModelPrecision.BFloat16,
            Model = "runs/0002.zip",
            Texts = [new SweepText("é | b", "c")],
        };
        runs[2] = runs[2] with { Status = SweepRunStatus.Failed, Error = "no memory" };
        StudyLines.Write(new SweepResults(SweepFolder.Make(folder["first"], manifest), runs), folder.Folder, "some");

        StudyLines.Restore(folder["second"], folder.Folder, "some");
        SweepFolder second = SweepFolder.Make(folder["second"], manifest);
        SweepRun[] restored = [.. manifest.Runs.Select(second.Read)];
        Assert.AreEqual((SweepRunStatus.Done, (double?)1.5, (ModelPrecision?)ModelPrecision.BFloat16, (string?)null),
            (restored[1].Status, restored[1].HeldOutLoss, restored[1].Precision, restored[1].Model));
        Assert.AreEqual("é | b", restored[1].Texts[0].Input);
        Assert.AreEqual(3, restored.Count(run => run.Status == SweepRunStatus.Waiting));

        second.Write(restored[1] with { HeldOutLoss = 1.25 });
        StudyLines.Restore(folder["second"], folder.Folder, "some");
        Assert.AreEqual(1.25, second.Read(runs[1]).HeldOutLoss, "results that are there are not written over");
        Assert.Contains("rows", Assert.ThrowsExactly<InvalidOperationException>(
            () => SweepFolder.Make(folder["second"], Manifest("rows: others\n"))).Message);
    }

    [TestMethod]
    public void Restore_OfAFolderWithOtherRuns_AddsThoseOfTheLines()
    {
        using var folder = new ToolFolder();
        SweepManifest manifest = Manifest("rows: some\n");
        WriteLines(folder, manifest, done: 2);
        SweepFolder own = SweepFolder.Make(folder["own"], manifest);
        SweepRun[] runs = [.. manifest.Runs];
        own.Write(Done(runs[0]));
        own.Write(runs[1] with { Status = SweepRunStatus.Failed, Error = "no memory" });

        StudyLines.Restore(folder["own"], folder.Folder, "some");
        StudyLines.Write(new SweepResults(own, [.. runs.Select(own.Read)]), folder.Folder, "some");
        CollectionAssert.AreEqual(new[] { (1, SweepRunStatus.Done), (2, SweepRunStatus.Done) },
            SweepFolder.ReadLines(folder["some.jsonl"]).Select(run => (run.Number, run.Status)).ToArray());
    }

    [TestMethod]
    public void Restore_OfLinesOfAnotherSweep_IsRefusedByWhatDiffers()
    {
        using var folder = new ToolFolder();
        SweepManifest manifest = Manifest("rows: some\n");
        WriteLines(folder, manifest, done: 2);
        SweepFolder.Make(folder["others"], Manifest("rows: others\n"));
        Assert.Contains("rows: there others, now some", Assert.ThrowsExactly<InvalidOperationException>(
            () => StudyLines.Restore(folder["others"], folder.Folder, "some")).Message);

        // As where lines of a former file were kept beside a new one.
        File.WriteAllText(folder["some.jsonl"], SweepFolder.Line(Done(manifest.Runs.Last()) with { Number = 2 }));
        Assert.Contains("run 2: expected '5' with seed 2", Assert.ThrowsExactly<FormatException>(
            () => StudyLines.Restore(folder["fresh"], folder.Folder, "some")).Message);
        Assert.IsFalse(Directory.Exists(folder["fresh"]));
    }

    [TestMethod]
    public void Write_OfCandidatesWithCommands_KeepsNoPlaceOfRows()
    {
        using var folder = new ToolFolder();
        SweepManifest manifest = Manifest("rows: some\n");
        WriteLines(folder, manifest, done: 1);
        Assert.DoesNotContain("here.jsonl", File.ReadAllText(folder["some.sweep.json"]));
        Assert.IsNull(manifest.Difference(SweepFolder.ReadManifest(folder["some.sweep.json"])));
    }

    private static void WriteLines(ToolFolder folder, SweepManifest manifest, int done) =>
        StudyLines.Write(new SweepResults(SweepFolder.Make(folder["first"], manifest),
            [.. manifest.Runs.Select(run => run.Number == done ? Done(run) : run)]), folder.Folder, "some");

    private static SweepRun Done(SweepRun run) => run with { Status = SweepRunStatus.Done, HeldOutLoss = 1.5 };

    private static SweepManifest Manifest(string identity) => new()
    {
        Identity = identity,
        Seeds = [1, 2],
        Candidates =
        [
            .. from length in (int[])[5, 10]
               select ManifestCandidate.Of(new SweepCandidate($"{length}", new PrefixTuningOptions())
               {
                   Command = "prefix-tune train /rows/here.jsonl",
               }),
        ],
    };
}
