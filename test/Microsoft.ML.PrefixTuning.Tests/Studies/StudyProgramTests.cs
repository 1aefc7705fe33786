using System;
using Microsoft.ML.PrefixTuning.Sweeps;
using Microsoft.ML.PrefixTuning.Tests.Tool;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using StudyProgram = Microsoft.ML.PrefixTuning.Studies.Program;

namespace Microsoft.ML.PrefixTuning.Tests.Studies;

/// <summary>What the command of a study returns.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class StudyProgramTests
{
    [TestMethod]
    [DataRow(nameof(SweepRunStatus.Done), ExitCode.Done)]
    [DataRow(nameof(SweepRunStatus.Stopped), ExitCode.Done)]
    [DataRow(nameof(SweepRunStatus.Waiting), ExitCode.Done)]
    [DataRow(nameof(SweepRunStatus.Failed), ExitCode.Failed)]
    public void Invoke_OfRunsThatAreThere_FailsWhereOneDid(string status, int expected)
    {
        using var folder = new ToolFolder();
        folder.Write("some.yaml", "study: { title: a, paper: b, setup: c }", "base: some",
            "options: { prefix-length: [1, 2] }");
        SweepFolder results = SweepFolder.Make(folder["results"], new SweepManifest
        {
            Identity = "rows: some\n",
            Seeds = [1],
            Candidates =
            [
                ManifestCandidate.Of(new SweepCandidate("1", new PrefixTuningOptions())),
                ManifestCandidate.Of(new SweepCandidate("2", new PrefixTuningOptions())),
            ],
        });
        foreach (SweepRun run in results.Manifest.Runs)
        {
            results.Write(run with
            {
                Status = run.Number == 1 ? SweepRunStatus.Done : Enum.Parse<SweepRunStatus>(status),
                HeldOutLoss = 1.5,
            });
        }
        // Of a part no pages are written, which need what draws their plots.
        Assert.AreEqual(expected, StudyProgram.Invoke(["some", folder.Folder, "--results", folder["results"],
            "--docs", folder.Folder, "--pages", "--shard", "1/1"]));
    }
}
