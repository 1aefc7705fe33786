// Controlled generation: the same opening of a sentence goes on in a positive or a negative tone, as a column of the
// row says.
//
//   dotnet run --project samples/ControlledGeneration -c Release              some minutes on two cores
//   dotnet run --project samples/ControlledGeneration -c Release -- --short   about a minute: too short to learn well

using System;
using System.Globalization;
using System.IO;
using System.Linq;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning;
using Microsoft.ML.PrefixTuning.Samples.ControlledGeneration;

bool isShort = args.Contains("--short");
string data = Path.Combine(AppContext.BaseDirectory, "data");
string modelFile = Path.Combine(Path.GetTempPath(), $"film-tone-{Environment.ProcessId}.zip");
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var mlContext = new MLContext(seed: 1);

// 1. Rows: the first words of a sentence, its rest, and its polarity. The judge learns from other sentences.
Review[] Load(string file) =>
    mlContext.Data.CreateEnumerable<Review>(mlContext.Data.LoadFromTextFile(Path.Combine(data, file),
    [new TextLoader.Column("Polarity", DataKind.String, 0), new TextLoader.Column("Sentence", DataKind.String, 1)],
        hasHeader: true),
    reuseRowObject: false).ToArray();
IDataView rows =
    mlContext.Data.LoadFromEnumerable(Load("train.tsv").Take(isShort ? 120 : int.MaxValue).Select(Continuation.Of));
using var judge = new Judge(mlContext, Load("judge.tsv"));

// 2. One transform. The polarity column picks the prefix of a row: half of it is shared, half is the polarity's own.
var generation = new GenerationOptions { MaxNewTokens = 32, NoRepeatNGramSize = 3, StopStrings = ["\n"] };
PrefixTuningEstimator pipeline = mlContext.Transforms.Text.PrefixTune(
    outputColumnName: "Rest", inputColumnName: "Opening", labelColumnName: "Rest", baseModel: SmolLM2.Instruct135M,
    options: new PrefixTuningOptions
    {
        Prefix = new PrefixOptions { Start = PrefixStart.FromText("Reviews of films, a sentence each.") },
        AttributeColumnName = "Polarity",
        Template = "{input}",
        Training = new TrainingOptions { MaxEpochs = isShort ? 1 : 4, Progress = Report },
        Generation = generation,
    });

// 3. Fit trains both polarities together; the base model stays as it is.
Console.WriteLine("Training a prefix a polarity for SmolLM2-135M-Instruct ...");
PrefixTuningTransformer model = pipeline.Fit(rows);
TrainingSummary summary = model.TrainingSummary!;
Console.WriteLine(
    $"Trained {summary.TrainedParameters:N0} numbers for {string.Join(" and ", model.Prefixes.Keys)} on"
        + $" {summary.TrainingRows} rows in {summary.Duration.TotalSeconds:F0} s: held-out loss {summary.BaseLoss:F2}"
        + $" without a prefix, {summary.StartLoss:F2} at the start, {summary.BestLoss:F2} now.");

// 4. Openings of other sentences, each twice, in one batch: every row carries the prefix of its own polarity.
Continuation[] wanted = File.ReadLines(Path.Combine(data, "openings.tsv")).Skip(1).Take(isShort ? 6 : int.MaxValue)
    .SelectMany(opening => model.Prefixes.Keys.Select(polarity => new Continuation
    {
        Opening = opening,
        Polarity = polarity,
        Request = $"A {polarity} review of a film: {opening}",
    })).ToArray();
IDataView openings = mlContext.Data.LoadFromEnumerable(wanted);
Continuation[] Continue(ITransformer transformer) =>
    mlContext.Data.CreateEnumerable<Continuation>(transformer.Transform(openings), reuseRowObject: false).ToArray();
Continuation[] tuned = Continue(model);

// 5. The base by itself gets the tone in words.
using PrefixTuningTransformer untuned = mlContext.Transforms.Text.GenerateText("Rest", "Request", SmolLM2.Instruct135M,
    options: new TextGenerationOptions { Template = "{input}", Generation = generation }).Fit(openings);
Continuation[] asked = Continue(untuned);
foreach ((Continuation text, Continuation ofBase) in tuned.Zip(asked).Take(12))
{
    Console.WriteLine();
    Console.WriteLine($"{text.Polarity}");
    Console.WriteLine($"  tuned {(judge.IsRight(text) ? "right" : "wrong")}  {text.Opening}{text.Rest}");
    Console.WriteLine($"  base  {(judge.IsRight(ofBase) ? "right" : "wrong")}  {ofBase.Opening}{ofBase.Rest}");
}
Console.WriteLine();
Console.WriteLine(
    $"Judged to have the wanted tone, of {tuned.Length} texts: {judge.Share(tuned):P0} with the prefixes,"
        + $" {judge.Share(asked):P0} by the base that is asked in words.");
Console.WriteLine($"(The judge is right about {judge.Accuracy:P0} of real sentences.)");

// 6. Save, load, predict one row.
mlContext.Model.SaveAtomically(model, rows.Schema, modelFile);
model.Dispose();
ITransformer loaded = mlContext.Model.Load(modelFile, out _);
File.Delete(modelFile);
using var engine = mlContext.Model.CreatePredictionEngine<Continuation, Continuation>(loaded);
Console.WriteLine();
Console.WriteLine("the ending is"
    + engine.Predict(new Continuation { Opening = "the ending is", Polarity = "negative" }).Rest);

static void Report(TrainingProgress progress)
{
    if (progress.Step % 20 == 0 || progress.Step == progress.TotalSteps)
        Console.WriteLine(
            $"step {progress.Step}/{progress.TotalSteps}, loss {progress.Loss:F3}, {progress.TokensPerSecond:F0}"
                + $" tokens/s, {progress.TimeLeft:m\\:ss} left");
}
