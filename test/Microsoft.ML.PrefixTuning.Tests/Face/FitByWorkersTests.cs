using System;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tests.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Face;

/// <summary>Fit by several workers, threads here: what one decides at run time holds for all.</summary>
[TestClass]
public sealed class FitByWorkersTests
{
    private static readonly TrainingOptions Short =
        new() { MaxSteps = 4, BatchSize = 2, GradientAccumulation = 2, ValidationFraction = 0.25 };

    [TestMethod]
    public void Fit_WithoutASeed_HasThatOfTheFirstWorkerInAll()
    {
        using var folder = new TemporaryFolder();
        string state = folder["state"];
        TrainingSummary[] summaries = new TrainingSummary[3];
        byte[][] prefixes = ThreadWorkers.Run(3, worker =>
        {
            // The others have no such folder: nothing is read or written there.
            string own = worker.IsFirst ? state : Path.Combine(folder.Path, "absent", "state");
            var training = Short with { Workers = worker, StateFile = own };
            using PrefixTuningTransformer model = TinyBase.Fit(new MLContext(), Options(training));
            summaries[worker.Rank] = model.TrainingSummary!;
            return model.Prefix!.ToBytes();
        });
        int seed = summaries[0].Seed!.Value;
        Assert.IsTrue(summaries.All(summary => summary.Seed == seed));
        Assert.IsTrue(File.Exists(state));
        using PrefixTuningTransformer alone = TinyBase.Fit(new MLContext(), Options(Short with { Seed = seed }));
        foreach (byte[] prefix in prefixes)
            CollectionAssert.AreEqual(alone.Prefix!.ToBytes(), prefix);
        CollectionAssert.AreEqual(alone.TrainingSummary!.Losses.ToArray(), summaries[1].Losses.ToArray());
        Assert.AreEqual(alone.TrainingSummary.Recomputed, summaries[2].Recomputed);
    }

    [TestMethod]
    public void Fit_OfADistillation_GivesTheStudentOfOne()
    {
        byte[] alone = Distilled(null);
        foreach (byte[] prefix in ThreadWorkers.Run(2, worker => Distilled(worker)))
            CollectionAssert.AreEqual(alone, prefix);

        static byte[] Distilled(TrainingWorkers? worker)
        {
            var mlContext = new MLContext(seed: 1);
            var options = new DistillationOptions
            {
                Student = Options(Short with { Workers = worker }),
                Continuations = new GenerationOptions { MaxNewTokens = 6 },
            };
            using PrefixTuningTransformer model = mlContext.Transforms.Text.DistillPrefix("Output", "Input",
                TinyBase.Llama, PrefixTeacher.FromText("name : The Eagle | Type : pub\nThe Eagle is a pub .\n"),
                options).Fit(mlContext.Data.LoadFromEnumerable(TinyBase.Rows(12)));
            return model.Prefix!.ToBytes();
        }
    }

    [TestMethod]
    public void Sweep_OfACandidateWithWorkers_IsRefusedByName()
    {
        var mlContext = new MLContext(seed: 1);
        ThreadWorkers.Run(1, worker =>
        {
            var fault = Assert.ThrowsExactly<ArgumentException>(() => mlContext.TextGeneration.Sweep(
                mlContext.Data.LoadFromEnumerable(TinyBase.Rows(12)), new PrefixSweep
                {
                    BaseModel = TinyBase.Llama,
                    OutputColumnName = "Output",
                    InputColumnName = "Input",
                    LabelColumnName = "Label",
                    Candidates = [new SweepCandidate("one", Options(Short with { Workers = worker }))],
                    Folder = "absent",
                }));
            Assert.Contains("Candidates[0].Options.Workers: expected null: processes share out the runs of a sweep",
                fault.Message);
            return true;
        });
    }

    private static PrefixTuningOptions Options(TrainingOptions training) =>
        TinyBase.Quick with { Training = training };
}
