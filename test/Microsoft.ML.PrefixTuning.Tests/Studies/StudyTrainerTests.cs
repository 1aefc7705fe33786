using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Studies;
using Microsoft.ML.PrefixTuning.Studies.Baselines;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tests.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Studies;

/// <summary>Baselines under a sweep, on the rows that a prefix has.</summary>
[TestClass]
public sealed class StudyTrainerTests
{
    private static readonly MLContext Context = new(seed: 1);

    [TestMethod]
    public void Sweep_OfAPrefixAndBaselines_ComparesThemOnTheSameRows()
    {
        using var folder = new ToolFolder();
        string[] names = ["all", "top2", "adapter:0.03", "lora:8"];
        PrefixTuningOptions options = TinyBase.Quick with
        {
            Training = TinyBase.Quick.Training with
            {
                ValidationFraction = 0.2,
                LearningRate = 0.003,
                DriftText = "A plain text of some words.",
            },
        };
        IDataView rows = Context.Data.LoadFromEnumerable(TinyBase.Rows(24));
        var sweep = new PrefixSweep
        {
            OutputColumnName = "Output",
            InputColumnName = "Input",
            LabelColumnName = "Label",
            BaseModel = TinyBase.Llama,
            Folder = folder["study"],
            Candidates = [.. names.Prepend("prefix").Select(name => new SweepCandidate(name, options))],
            TestSet = Context.Data.LoadFromEnumerable(TinyBase.Rows(3)),
            TextCount = 2,
        };
        Dictionary<string, Baseline> baselines = names.ToDictionary(name => name, Baseline.Parse);
        var other = new StudyOtherFile(folder.WriteRows("others.jsonl"), "Input", "Label", Rows: 5);
        var own = new StudyMeasures { Identity = [], Other = new OtherTask(other, ToolFolder.Silent) };
        using var trainer = new StudyTrainer(Context, rows, sweep, baselines, own);
        SweepResults results = SweepCatalog.Run(sweep, trainer);
        foreach (SweepRun run in results.Runs)
            Assert.AreEqual(SweepRunStatus.Done, run.Status, $"{run.Name}: {run.Error}");
        SweepRun prefix = results.Runs[0];
        Assert.AreEqual(ModelPrecision.Float32, prefix.Precision);
        foreach (SweepRun run in results.Runs.Skip(1))
        {
            Assert.AreEqual((prefix.TrainingRows, prefix.HeldOutRows, prefix.Tokens, prefix.Precision),
                (run.TrainingRows, run.HeldOutRows, run.Tokens, run.Precision), run.Name);
            Assert.AreEqual(prefix.BaseLoss!.Value, run.StartLoss!.Value, 1e-4, run.Name);
            Assert.AreEqual(run.TrainedParameters * sizeof(float), run.StoredBytes);
            CollectionAssert.AreEquivalent(prefix.Measures.Keys.ToArray(), run.Measures.Keys.ToArray());
            // Weights that were kept as they were change nothing; others change all texts.
            foreach (string increase in (string[])["drift", "other task"])
                Assert.AreEqual(run.BestStep > 0, run.Measures[increase] != 0, $"{run.Name}: {increase}");
            CollectionAssert.AreEqual(prefix.Texts.Select(text => text.Input).ToArray(),
                run.Texts.Select(text => text.Input).ToArray());
        }
    }
}
