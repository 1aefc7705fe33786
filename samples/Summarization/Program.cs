// Summarization: a frozen encoder-decoder model learns to sum up papers in one sentence, by a prefix at all three
// places where it attends: in the encoder, in the decoder, and between them.
//
//   dotnet run --project samples/Summarization -c Release                    some minutes on two cores
// dotnet run --project samples/Summarization -c Release -- --short less than a minute: too short to learn well
// dotnet run --project samples/Summarization -c Release -- --base FOLDER with a BART or T5 of your own (a Hugging Face
// folder)
//
// The base that comes with the sample was trained from scratch on two cores within an hour (base/README.md): it runs
// the whole way, but its texts are poor. With a real BART or Flan-T5 they are not.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning;
using Microsoft.ML.PrefixTuning.Samples.Summarization;

bool isShort = args.Contains("--short");
string folder = args.Contains("--base") ? args.SkipWhile(argument => argument != "--base").ElementAtOrDefault(1) ?? ""
    : Path.Combine(AppContext.BaseDirectory, "base");
string data = Path.Combine(AppContext.BaseDirectory, "data");
string modelFile = Path.Combine(Path.GetTempPath(), $"sum-up-papers-{Environment.ProcessId}.zip");
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var mlContext = new MLContext(seed: 1);
if (!File.Exists(Path.Combine(folder, "config.json")))
{
    Console.Error.WriteLine(
        $"No base model in '{folder}': expected the folder of a BART or T5 with config.json, model.safetensors and"
            + " tokenizer files. --base FOLDER names another.");
    return 1;
}

// 1. Rows: how a paper begins, and what a person wrote as its summary.
TextLoader loader = mlContext.Data.CreateTextLoader(
    [new TextLoader.Column("Text", DataKind.String, 0), new TextLoader.Column("Summary", DataKind.String, 1)],
        hasHeader: true);
IDataView rows = mlContext.Data.TakeRows(loader.Load(Path.Combine(data, "train.tsv")), isShort ? 80 : long.MaxValue);
Paper[] references = mlContext.Data.CreateEnumerable<Paper>(loader.Load(Path.Combine(data, "test.tsv")),
    reuseRowObject: false).ToArray();
Paper[] papers = references.DistinctBy(paper => paper.Text).Take(isShort ? 4 : int.MaxValue).ToArray();
IDataView unseen = mlContext.Data.LoadFromEnumerable(papers);

// 2. The pipeline. What the options leave open, such as forced tokens and lengths, is as the base's
// generation_config.json says. Where a base reads less than a row has, the row's end is cut.
BaseModel baseModel = BaseModel.FromFolder(folder);
var generation = new GenerationOptions
{
    Decoding = Decoding.Beam(4),
    MaxNewTokens = 48,
    NoRepeatNGramSize = 3,
    Truncation = PromptTruncation.End
};
PrefixTuningEstimator pipeline = mlContext.Transforms.Text.PrefixTune(
    outputColumnName: "Written", inputColumnName: "Text", labelColumnName: "Summary", baseModel,
    options: new PrefixTuningOptions
    {
        Prefix = new PrefixOptions { Sites = [AttentionSite.Encoder, AttentionSite.Decoder, AttentionSite.Cross] },
        Training = new TrainingOptions
        {
            Progress = Report,
            MaxEpochs = isShort ? 1
            : 5,
            Truncation = PromptTruncation.End
        },
        Generation = generation,
    });

// 3. Fit trains the prefix; the base model stays as it is.
Console.WriteLine($"Training a prefix for the base in '{folder}' ...");
PrefixTuningTransformer model = pipeline.Fit(rows);
TrainingSummary summary = model.TrainingSummary!;
Console.WriteLine(
    $"Trained {summary.TrainedParameters:N0} numbers at {string.Join(", ", model.Prefix!.Sites)} on"
        + $" {summary.TrainingRows} rows in {summary.Duration.TotalSeconds:F0} s: held-out loss {summary.BaseLoss:F2}"
        + $" without a prefix, {summary.StartLoss:F2} at the start, {summary.BestLoss:F2} now.");

// 4. Unseen rows: the base by itself, the base with the prefix, a person.
using PrefixTuningTransformer untuned = mlContext.Transforms.Text.GenerateText("Written", "Text", baseModel,
    options: new TextGenerationOptions { Generation = generation }).Fit(unseen);
string[] SumUp(ITransformer transformer) => mlContext.Data
    .CreateEnumerable<Summarized>(transformer.Transform(unseen), reuseRowObject: false).Select(row => row.Written)
        .ToArray();
string[] before = SumUp(untuned), after = SumUp(model);
foreach ((Paper paper, int row) in papers.Select((paper, row) => (paper, row)).Take(5))
{
    Console.WriteLine();
    Console.WriteLine($"paper      {paper.Text}");
    Console.WriteLine($"base       {before[row]}");
    Console.WriteLine($"tuned      {after[row]}");
    Console.WriteLine($"reference  {paper.Summary}");
}

// 5. Measures, against all summaries of a paper: rows with the same text are one segment.
Console.WriteLine();
foreach ((string name, string[] texts) in new[] { ("base", before), ("tuned", after) })
{
    Dictionary<string, string> written = papers.Zip(texts).ToDictionary(pair => pair.First.Text, pair => pair.Second);
    IEnumerable<Scored> scored = references.Where(paper => written.ContainsKey(paper.Text))
        .Select(paper => new Scored { Text = paper.Text, Summary = paper.Summary, Written = written[paper.Text] });
    TextGenerationMetrics metrics =
        mlContext.TextGeneration.Evaluate(mlContext.Data.LoadFromEnumerable(scored), "Summary", "Written",
        new TextGenerationEvaluationOptions { GroupColumnName = "Text" });
    Console.WriteLine(
        $"{name,-10} ROUGE-1 {metrics.Rouge1.F:F3}, ROUGE-2 {metrics.Rouge2.F:F3}, ROUGE-L {metrics.RougeL.F:F3} on"
            + $" {metrics.SegmentCount} unseen papers");
}

// 6. Save, load, predict one row. The file holds the prefix and the base's identity, not the base.
mlContext.Model.SaveAtomically(model, rows.Schema, modelFile);
model.Dispose();
ITransformer loaded = mlContext.Model.Load(modelFile, out _);
Console.WriteLine();
Console.WriteLine($"Saved and loaded: {new FileInfo(modelFile).Length / 1024:N0} KB.");
File.Delete(modelFile);
using var engine = mlContext.Model.CreatePredictionEngine<Paper, Summarized>(loaded);
Console.WriteLine(engine.Predict(papers[0]).Written);
return 0;

static void Report(TrainingProgress progress)
{
    if (progress.Step % 20 == 0 || progress.Step == progress.TotalSteps)
        Console.WriteLine(
            $"step {progress.Step}/{progress.TotalSteps}, loss {progress.Loss:F3}, {progress.TokensPerSecond:F0}"
                + $" tokens/s, {progress.TimeLeft:m\\:ss} left");
}
