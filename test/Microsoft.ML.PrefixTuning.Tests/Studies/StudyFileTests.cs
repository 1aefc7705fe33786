using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Studies;
using Microsoft.ML.PrefixTuning.Studies.Baselines;
using Microsoft.ML.PrefixTuning.Sweeps;
using Microsoft.ML.PrefixTuning.Tests.Repository;
using Microsoft.ML.PrefixTuning.Tests.Tool;
using Microsoft.ML.PrefixTuning.Tool.Sweeps;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Studies;

/// <summary>The files of docs/studies, and the page of one that was run in part.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class StudyFileTests
{
    public static IEnumerable<object[]> Files => Directory.EnumerateFiles(
        Path.Combine(Source.Root, "docs", "studies"), "*.yaml").Select(file => new object[] { Path.GetFileName(file) });

    [TestMethod]
    [DynamicData(nameof(Files))]
    public void Read_OfEachStudy_MakesCandidatesThatTheLibraryTakes(string name)
    {
        StudyFile file = StudyFile.Read(Path.Combine(Source.Root, "docs", "studies", name), "rows");
        var candidates = SweepCandidates.WithValues(file.Sweep, new SweepOptions("baseline"));
        Assert.IsGreaterThan(1, candidates.Count);
        string[] settings = [.. candidates.SelectMany(one => one.Candidate.Settings.Keys).Distinct()];
        foreach (string? axis in (string?[])[file.X, file.Series])
            Assert.IsTrue(axis is null || settings.Contains(axis), $"{axis}: no setting that varies");
        foreach ((SweepCandidate candidate, var values) in candidates)
        {
            Faults.Throw(candidate.Options.Check);
            if (values.TryGetValue("baseline", out IReadOnlyList<string>? baseline) && baseline[0] != "none")
                Baseline.Parse(baseline[0]);
        }
        // WebNLG's texts, of which DART has some, are not for this repository.
        bool isFree = file.Sweep.Data is { } data && !data.Contains("webnlg", StringComparison.Ordinal)
            && !data.Contains("dart", StringComparison.Ordinal);
        Assert.IsTrue(isFree || file.Sweep.Texts == 0);
    }

    [TestMethod]
    public void Read_OfAVerdict_WantsToKnowWhetherItAgrees()
    {
        using var folder = new ToolFolder();
        string Write(string more) => folder.Write("some.yaml",
            $"study: {{ title: Some, paper: It found., setup: Small.{more} }}", "options: { prefix-length: [5, 10] }");
        var fault = Assert.ThrowsExactly<FormatException>(() =>
            StudyFile.Read(Write(", verdict: It came out."), folder.Folder));
        Assert.Contains("line 1: study: expected both verdict", fault.Message);
        StudyFile both = StudyFile.Read(Write(", verdict: It came out., agreement: It does."), folder.Folder);
        Assert.AreEqual("It does.", both.Agreement);
    }

    [TestMethod]
    public void Text_OfAStudyRunInPart_SaysWhatWasNotRun()
    {
        using var folder = new ToolFolder();
        string path = folder.Write("some.yaml", "study: { title: Some, paper: It found., setup: Small. }",
            "seeds: [1, 2]", "options: { prefix-length: [5, 10] }");
        StudyFile file = StudyFile.Read(path, folder.Folder);
        var manifest = new SweepManifest
        {
            Identity = "rows: some\n",
            Seeds = file.Sweep.Seeds,
            Candidates =
                [.. SweepCandidates.Of(file.Sweep, new SweepOptions("baseline")).Select(ManifestCandidate.Of)],
        };
        SweepRun[] runs = [.. manifest.Runs];
        runs[0] = runs[0] with
        {
            Status = SweepRunStatus.Done,
            HeldOutLoss = 1.5,
            TrainedParameters = 1000,
            Texts = [new SweepText("a | b", "c | d")],
        };
        var results = new SweepResults(SweepFolder.Make(folder["results"], manifest), runs);
        string page = StudyPage.Text(file, results, StudyPage.InOrder(results), [], "some");
        Assert.Contains("| 5 | 1.500 | 1,000 | 0 | 0 | 0.0 | 1 of 2 |", page);
        Assert.Contains("| 10 | not run | not run | not run | not run | not run | 0 of 2 |", page);
        Assert.Contains("3 of 4 runs were not run yet.", page);
        Assert.Contains("| prefix-length 5 | c \\| d |", page);
        Assert.Contains("Nobody has looked at these figures yet.", page);
    }

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

    private static SweepManifest Manifest(string identity) => new()
    {
        Identity = identity,
        Seeds = [1, 2],
        Candidates =
        [
            .. from length in (int[])[5, 10]
               select ManifestCandidate.Of(new SweepCandidate($"{length}", new PrefixTuningOptions())),
        ],
    };
}
