using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Evaluation;
using Microsoft.ML.PrefixTuning.Studies;
using Microsoft.ML.PrefixTuning.Studies.Baselines;
using Microsoft.ML.PrefixTuning.Sweeps;
using Microsoft.ML.PrefixTuning.Tests.Repository;
using Microsoft.ML.PrefixTuning.Tests.Tool;
using Microsoft.ML.PrefixTuning.Tool.Sweeps;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using MetricsOption = Microsoft.ML.PrefixTuning.Tool.Verbs.MetricsOption;

namespace Microsoft.ML.PrefixTuning.Tests.Studies;

/// <summary>The files of docs/studies, and the page of one that was run in part.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class StudyFileTests
{
    private static readonly string s_docs = Path.Combine(Source.Root, "docs", "studies");

    public static IEnumerable<object[]> Files => Names("*.yaml");

    public static IEnumerable<object[]> Begun => Names("*.jsonl");

    [TestMethod]
    [DynamicData(nameof(Files))]
    public void Read_OfEachStudy_MakesCandidatesThatTheLibraryTakes(string name)
    {
        StudyFile file = StudyFile.Read(Path.Combine(s_docs, $"{name}.yaml"), "rows");
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
        string[] measured = [.. Measured(file, candidates.Select(one => one.Candidate))];
        CollectionAssert.IsSubsetOf(file.Measures.Select(measure => measure.Split(", ")[0]).Distinct()
            .ToArray(), measured);
        Assert.IsTrue(file.Measures.All(measure => !measure.Contains(", ", StringComparison.Ordinal))
            || file.Judge is not null || file.Sweep.TestPartColumn is not null, "parts of nothing");
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
    [DynamicData(nameof(Begun))]
    public void Text_OfAStudyThatWasBegun_IsThePageBesideItsFileAndLines(string name)
    {
        StudyFile file = StudyFile.Read(Path.Combine(s_docs, $"{name}.yaml"), "rows");
        using var folder = new ToolFolder();
        SweepFolder results = SweepFolder.Make(folder["results"],
            SweepFolder.ReadManifest(Path.Combine(s_docs, $"{name}.sweep.json")));
        results.Check(new SweepPlan(SweepCandidates.Of(file.Sweep, new SweepOptions("baseline")), file.Sweep.Seeds,
            file.Sweep.SuccessiveHalving));
        Dictionary<int, SweepRun> lines = Lines(name).ToDictionary(run => run.Number);
        var all = new SweepResults(results,
            [.. results.Manifest.Runs.Select(run => lines.GetValueOrDefault(run.Number, run))]);
        CollectionAssert.AreEqual(Paragraphs(File.ReadAllText(Path.Combine(s_docs, $"{name}.md"))),
            Paragraphs(StudyPage.Text(file, all, StudyPage.InOrder(all), [], name)));
        Assert.Contains($"[{name}]({name}.md)", File.ReadAllText(Path.Combine(s_docs, "README.md")));

        // Plots are drawn by what this project does not have.
        static string[] Paragraphs(string page) => [.. page.Split('\n')
            .Where(line => line.Length > 0 && !line.StartsWith("![", StringComparison.Ordinal))];
    }

    [TestMethod]
    [DataRow("baselines")]
    [DataRow("dart")]
    [DataRow("extrapolation")]
    public void Read_OfMethodsThatAreCompared_HasTheRatesWithTheLeastLossOnDev(string name)
    {
        StudyFile file = StudyFile.Read(Path.Combine(s_docs, $"{name}.yaml"), "rows");
        var compared = SweepCandidates.WithValues(file.Sweep, new SweepOptions("baseline"));
        StudyFile rates = StudyFile.Read(Path.Combine(s_docs, "baseline-rates.yaml"), "rows");
        var tried = SweepCandidates.Of(rates.Sweep, new SweepOptions("baseline"))
            .GroupBy(one => one.Settings["baseline"]).ToDictionary(one => one.Key, one => one.Count());
        int known = 0;
        foreach (var method in Lines("baseline-rates")
            .Where(run => run.Status == SweepRunStatus.Done).GroupBy(run => run.Settings["baseline"])
            .Where(runs => runs.Count() == tried[runs.Key]))
        {
            string best = method.MinBy(run => run.HeldOutLoss)!.Settings["learning-rate"];
            // The rates are those of keys and values.
            foreach ((SweepCandidate candidate, var values) in compared
                .Where(one => one.Values["baseline"][0] == method.Key && !one.Values.ContainsKey("method")))
            {
                Assert.AreEqual(best, values.GetValueOrDefault("learning-rate")?[0], candidate.Name);
                known++;
            }
        }
        Assert.IsGreaterThan(0, known);
    }

    /// <summary>Names of what a study's runs are measured by.</summary>
    private static IEnumerable<string> Measured(StudyFile file, IEnumerable<SweepCandidate> candidates)
    {
        var options = new TextGenerationEvaluationOptions
        {
            Metrics = MetricsOption.Parse(file.Sweep.Metrics ?? []),
        };
        return
        [
            .. SweepMeasures.Of(Measurement.Of([new Segment("a pub", "a pub")], options)).Keys,
            .. file.Judge is null ? (string[])[] : ["as asked", "different texts", "judge is right"],
            .. file.Other is null ? (string[])[] : [OtherTask.Name],
            .. candidates.Any(one => one.Options.Training.DriftText is not null) ? (string[])["drift"] : [],
        ];
    }

    private static IEnumerable<object[]> Names(string pattern) => Directory.EnumerateFiles(s_docs, pattern)
        .Select(file => new object[] { Path.GetFileNameWithoutExtension(file) });

    private static IEnumerable<SweepRun> Lines(string name) =>
        SweepFolder.ReadLines(Path.Combine(s_docs, $"{name}.jsonl"));
}
