using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.SmallBart.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.SmallBart.Comparing;

/// <summary>What is compared.</summary>
internal sealed record ComparisonRequest
{
    /// <summary>The base's folder.</summary>
    public required string Base { get; init; }

    /// <summary>Folder of the task's rows.</summary>
    public required string Data { get; init; }

    public required IReadOnlyList<int> Seeds { get; init; }

    /// <summary>Training rows, at most.</summary>
    public required int Rows { get; init; }

    /// <summary>Highest learning rate of full fine-tuning.</summary>
    public required double FullLearningRate { get; init; }
}

/// <summary>
/// Ways of tuning one base on one task, each under the library's defaults: loss of the test rows and ROUGE of greedy
/// texts, a line a run.
/// </summary>
internal sealed class Comparison(ComparisonRequest request, TextWriter log)
{
    private static readonly GenerationOptions Writing = new() { MaxNewTokens = 48, NoRepeatNGramSize = 3 };

    private static readonly (string Name, AttentionSite[] Sites)[] Prefixes =
    [
        ("prefix at three sites", [AttentionSite.Encoder, AttentionSite.Decoder, AttentionSite.Cross]),
        ("prefix at the decoder", [AttentionSite.Decoder]),
    ];

    /// <summary>Runs all.</summary>
    public void Run()
    {
        using BaseLease lease = FrozenBase.Acquire(request.Base, ScalarType.Float32, CPU);
        var task = new Task(request.Data, request.Rows, lease.Base);
        log.WriteLine(
            $"{task.Training.Count} training rows, {task.Papers.Count} test rows with {task.References.Count}"
                + " references");
        log.WriteLine("| method | seed | test loss | ROUGE-1 | ROUGE-L | numbers trained | seconds |");
        log.WriteLine("|---|---:|---:|---:|---:|---:|---:|");
        using (PrefixTuningTransformer untuned = Untuned(task, request.Base))
            Report("untuned", "", FullTrainer.MeanLoss(lease.Base.Model, task.TestBatches, SitePrefixes.None),
                task.Score(untuned), 0, default);
        foreach (int seed in request.Seeds)
        {
            foreach ((string name, AttentionSite[] sites) in Prefixes)
                Prefix(task, lease.Base, name, sites, seed);
            Full(task, seed);
        }
    }

    private void Prefix(Task task, FrozenBase frozen, string name, AttentionSite[] sites, int seed)
    {
        var clock = Stopwatch.StartNew();
        var mlContext = new MLContext(seed);
        using PrefixTuningTransformer model =
            mlContext.Transforms.Text.PrefixTune(nameof(Written.Output), nameof(Paper.Text), nameof(Paper.Summary),
            BaseModel.FromFolder(request.Base),
                new PrefixTuningOptions { Prefix = new PrefixOptions { Sites = sites }, Generation = Writing })
            .Fit(mlContext.Data.LoadFromEnumerable(task.Training));
        TimeSpan time = clock.Elapsed;
        using PrefixTensors tensors = PrefixTensors.Make(model.Prefix!, frozen.Model);
        Report(name, $"{seed}", FullTrainer.MeanLoss(frozen.Model, task.TestBatches, tensors.Sites), task.Score(model),
            model.TrainingSummary!.TrainedParameters, time);
    }

    private void Full(Task task, int seed)
    {
        var clock = Stopwatch.StartNew();
        string folder = Directory.CreateTempSubdirectory("full-fine-tuning-").FullName;
        (double loss, long trained) = FullFineTuning.Run(request.Base, folder, task.Encode(task.Training),
            request.FullLearningRate, seed, task.TestBatches);
        TimeSpan time = clock.Elapsed;
        using (PrefixTuningTransformer tuned = Untuned(task, folder))
            Report("full fine-tuning", $"{seed}", loss, task.Score(tuned), trained, time);
        Directory.Delete(folder, recursive: true);
    }

    private static PrefixTuningTransformer Untuned(Task task, string folder)
    {
        var mlContext = new MLContext(seed: 1);
        return mlContext.Transforms.Text.GenerateText(nameof(Written.Output), nameof(Paper.Text),
            BaseModel.FromFolder(folder),
            options: new TextGenerationOptions { Generation = Writing })
                .Fit(mlContext.Data.LoadFromEnumerable(task.Papers.Take(1)));
    }

    private void Report(string method, string seed, double loss, (double Rouge1, double RougeL) scores, long trained,
        TimeSpan time) =>
        log.WriteLine(
            $"| {method} | {seed} | {loss:F3} | {scores.Rouge1:F3} | {scores.RougeL:F3} | {trained:N0} |"
                + $" {time.TotalSeconds:F0} |");
}
