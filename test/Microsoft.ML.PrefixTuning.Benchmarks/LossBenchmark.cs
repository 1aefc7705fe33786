using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>What a precision costs: the loss of held-out E2E rows with one prefix, in each precision of the base.
/// </summary>
internal static class LossBenchmark
{
    private const int BatchSize = 8;

    /// <summary>Measures: a JSON line a precision, then a table.</summary>
    /// <param name="arguments">
    /// Folder with train.jsonl and dev.jsonl (<c>source</c>, <c>references</c>), a prefix's file (trained there with
    /// defaults in float32 where there is none yet), precisions (default all; see <see cref="BaseForms"/>).
    /// </param>
    public static void Measure(string[] arguments)
    {
        string folder = arguments[0], file = arguments[1];
        if (!File.Exists(file))
            Train(folder, file);
        Prefix prefix = Prefix.Load(file);
        (string Facts, string Text)[] rows = Read(folder, "dev.jsonl");
        var losses = new List<(string Name, double Loss)>();
        foreach ((string name, BaseForm form) in BaseForms.Of(arguments.Skip(2).ToArray()))
        {
            double loss = Of(prefix, rows, form);
            Console.WriteLine(JsonSerializer.Serialize(new { precision = name, loss }));
            losses.Add((name, loss));
        }
        Console.WriteLine($"\n| precision | loss | against {losses[0].Name} |");
        Console.WriteLine("|---|---:|---:|");
        foreach ((string name, double loss) in losses)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {name} | {loss:F4} | {loss / losses[0].Loss - 1:+0.00%;-0.00%} |"));
    }

    private static void Train(string folder, string file)
    {
        var mlContext = new MLContext(seed: 1);
        IDataView rows = mlContext.Data.LoadFromEnumerable(Read(folder, "train.jsonl")
            .Select(row => new Row { Facts = row.Facts, Reference = row.Text }));
        using PrefixTuningTransformer model = mlContext.Transforms.Text.PrefixTune("Text", "Facts", "Reference",
            SmolLM2.Instruct135M, new PrefixTuningOptions()).Fit(rows);
        model.Prefix!.Save(file);
    }

    /// <summary>Nats a token: the mean over batches in file order.</summary>
    private static double Of(Prefix prefix, (string Facts, string Text)[] rows, BaseForm form)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using FrozenBase frozen = FrozenBase.Load(TrainBenchmark.BasePath, form, CPU);
        int end = frozen.Model.Spec.Tokens.Ends[0];
        TrainingExample[] examples = [.. rows.Select(row => new TrainingExample(
            frozen.Tokenizer.Encode(row.Facts + "\n"), [.. frozen.Tokenizer.Encode(row.Text), end]))];
        using var trained = new TrainedKeyValues(prefix, CPU);
        var pass = new PrefixPass(new TrainingRun
        {
            Model = frozen.Model,
            Examples = examples,
            Options = new TrainingOptions(),
            Seed = 1,
            LearningRate = 1,
        }, trained.Convention);
        IReadOnlyDictionary<AttentionSite, Tensor> sites = trained.Materialize();
        return examples.Chunk(BatchSize).Average(batch => pass.MeanLoss(batch, sites, () => { }));
    }

    private static (string Facts, string Text)[] Read(string folder, string file) =>
        [.. File.ReadLines(Path.Combine(folder, file)).Select(line =>
        {
            using JsonDocument row = JsonDocument.Parse(line);
            return (row.RootElement.GetProperty("source").GetString()!,
                row.RootElement.GetProperty("references")[0].GetString()!);
        })];

    private sealed class Row
    {
        public string Facts { get; set; } = "";

        public string Reference { get; set; } = "";
    }
}
