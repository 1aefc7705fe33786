using System;
using System.Linq;
using Microsoft.ML.Data;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>The code of README.md, compiled. <see cref="ReadmeTests"/> compares the two and runs it.</summary>
internal static class ReadmeExample
{
    /// <summary>Expects <c>venues.tsv</c> in the current folder and writes <c>describe.zip</c>.</summary>
    public static void Run()
    {
        // sample:begin
        var mlContext = new MLContext(seed: 1);
        IDataView rows = mlContext.Data.LoadFromTextFile<Venue>("venues.tsv", hasHeader: true);
        DataOperationsCatalog.TrainTestData split = mlContext.Data.TrainTestSplit(rows, testFraction: 0.1);

        PrefixTuningEstimator pipeline = mlContext.Transforms.Text.PrefixTune(
            outputColumnName: "Description", inputColumnName: "Facts", labelColumnName: "Reference",
            baseModel: SmolLM2.Instruct135M, new PrefixTuningOptions
            {
                Training = new TrainingOptions
                {
                    Progress = at => Console.Write($"\rstep {at.Step} of {at.TotalSteps}, loss {at.Loss:F2} "),
                },
            });

        using PrefixTuningTransformer model = pipeline.Fit(split.TrainSet);
        IDataView described = model.Transform(split.TestSet);
        foreach (string text in described.GetColumn<string>("Description").Take(3))
            Console.WriteLine($"\n{text}");
        mlContext.Model.SaveAtomically(model, rows.Schema, "describe.zip");
        // sample:end
    }

    private sealed class Venue
    {
        [LoadColumn(0)]
        public string Facts { get; set; } = "";

        [LoadColumn(1)]
        public string Reference { get; set; } = "";
    }
}
