// Table to text: a frozen language model learns to write venue descriptions from facts, inside an ML.NET pipeline.
//
//   dotnet run --project samples/TableToText -c Release              some minutes on two cores
//   dotnet run --project samples/TableToText -c Release -- --short   about a minute: too short to learn well

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning;
using Microsoft.ML.PrefixTuning.Samples.TableToText;

bool isShort = args.Contains("--short");
string data = Path.Combine(AppContext.BaseDirectory, "data");
string modelFile = Path.Combine(Path.GetTempPath(), $"describe-venues-{Environment.ProcessId}.zip");
var mlContext = new MLContext(seed: 1);

// 1. Rows: facts, and what a person wrote about them.
TextLoader loader = mlContext.Data.CreateTextLoader(
    [new TextLoader.Column("Facts", DataKind.String, 0), new TextLoader.Column("Reference", DataKind.String, 1)],
        hasHeader: true);
IDataView rows = mlContext.Data.TakeRows(loader.Load(Path.Combine(data, "train.tsv")), isShort ? 48 : long.MaxValue);
Venue[] references = mlContext.Data.CreateEnumerable<Venue>(loader.Load(Path.Combine(data, "test.tsv")),
    reuseRowObject: false).ToArray();
IDataView unseen =
    mlContext.Data.LoadFromEnumerable(references.DistinctBy(venue => venue.Facts).Take(isShort ? 3 : 12));

// 2. The pipeline: one transform. The base model comes with the package Microsoft.ML.PrefixTuning.SmolLM2.
PrefixTuningEstimator Pipeline(Action<TrainingProgress> progress) => mlContext.Transforms.Text.PrefixTune(
    outputColumnName: "Description", inputColumnName: "Facts", labelColumnName: "Reference",
        baseModel: SmolLM2.Instruct135M,
    options: new PrefixTuningOptions
    {
        Training = new TrainingOptions { Progress = progress, MaxEpochs = isShort ? 2 : 5 },
        Generation = new GenerationOptions { MaxNewTokens = 64 },
    });

// 3. Fit trains the prefix; the base model stays as it is.
Console.WriteLine("Training a prefix for SmolLM2-135M-Instruct ...");
PrefixTuningTransformer model = FitProgress.Show(progress => Pipeline(progress).Fit(rows));
TrainingSummary summary = model.TrainingSummary!;
Console.WriteLine(
    $"Trained {summary.TrainedParameters:N0} numbers on {summary.TrainingRows} rows in"
        + $" {summary.Duration.TotalSeconds:F0} s: held-out loss {summary.BaseLoss:F2} without a prefix,"
        + $" {summary.StartLoss:F2} at the start, {summary.BestLoss:F2} now.");

// 4. Unseen rows: the base by itself, the base with the prefix, a person.
using PrefixTuningTransformer untuned =
    mlContext.Transforms.Text.GenerateText("Description", "Facts", SmolLM2.Instruct135M,
    options: new TextGenerationOptions { Generation = new GenerationOptions { MaxNewTokens = 64 } }).Fit(unseen);
string[] Describe(ITransformer transformer) => mlContext.Data
    .CreateEnumerable<Described>(transformer.Transform(unseen), reuseRowObject: false).Select(row => row.Description)
        .ToArray();
string[] before = Describe(untuned), after = Describe(model);
foreach ((Venue venue, int row) in mlContext.Data.CreateEnumerable<Venue>(unseen, reuseRowObject: false)
    .Select((venue, row) => (venue, row)).Take(5))
{
    Console.WriteLine();
    Console.WriteLine($"facts      {venue.Facts}");
    Console.WriteLine($"base       {OneLine(before[row])}");
    Console.WriteLine($"tuned      {OneLine(after[row])}");
    Console.WriteLine($"reference  {venue.Reference}");
}

// 5. Measures, against all that people wrote about these venues: rows with the same facts are one segment.
TextGenerationMetrics Measure(string[] texts)
{
    string[] facts = mlContext.Data.CreateEnumerable<Venue>(unseen, reuseRowObject: false).Select(venue => venue.Facts)
        .ToArray();
    IEnumerable<Scored> scored = references.Where(venue => facts.Contains(venue.Facts)).Select(venue =>
        new Scored
        {
            Facts = venue.Facts,
            Reference = venue.Reference,
            Description = texts[Array.IndexOf(facts, venue.Facts)]
        });
    return mlContext.TextGeneration.Evaluate(mlContext.Data.LoadFromEnumerable(scored), "Reference", "Description",
        new TextGenerationEvaluationOptions { GroupColumnName = "Facts", Lowercase = true });
}
Console.WriteLine();
foreach ((string name, string[] texts) in new[] { ("base", before), ("tuned", after) })
{
    TextGenerationMetrics metrics = Measure(texts);
    Console.WriteLine(
        $"{name,-10} BLEU {metrics.Bleu:F1}, ROUGE-L {metrics.RougeL.F:F2}, chrF {metrics.ChrF:F1} on"
            + $" {metrics.SegmentCount} unseen rows");
}

// 6. Save, load, predict one row. The file holds the prefix and the base's identity, not the base.
mlContext.Model.SaveAtomically(model, rows.Schema, modelFile);
model.Dispose();
ITransformer loaded = mlContext.Model.Load(modelFile, out _);
Console.WriteLine();
Console.WriteLine($"Saved and loaded: {new FileInfo(modelFile).Length / 1024:N0} KB.");
File.Delete(modelFile);
using var engine = mlContext.Model.CreatePredictionEngine<Venue, Described>(loaded);
Console.WriteLine(engine
    .Predict(new Venue
    {
        Facts =
    "name : The Golden Palace | Type : coffee shop | food : Italian | area : city centre"
    }).Description);

static string OneLine(string text) => text.ReplaceLineEndings(" ");
