using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// What the library's defaults reach on a small fixed task: the loss on unseen rows after 120 steps of 8, before and after,
/// for several seeds.
/// </summary>
internal static class QualityBenchmark
{
    private const int Steps = 120;
    private const double DefaultRate = 0.02;

    /// <summary>Trains and prints.</summary>
    /// <param name="arguments">Folder with train.jsonl and dev.jsonl (<c>source</c>, <c>references</c>), then: seeds, learning rate, text of the start.</param>
    public static void Measure(string[] arguments)
    {
        int seeds = arguments.Length > 1 ? int.Parse(arguments[1], CultureInfo.InvariantCulture) : 3;
        double rate = arguments.Length > 2 ? double.Parse(arguments[2], CultureInfo.InvariantCulture) : DefaultRate;
        string text = arguments.Length > 3 ? arguments[3] : "Write the Reference for this Facts.\n";
        using FrozenBase frozen = FrozenBase.Load(TrainBenchmark.BasePath, ScalarType.Float32, CPU);
        PretrainedTokenizer tokenizer = OpenTokenizer(frozen.Model.Spec.VocabularySize);
        int end = frozen.Model.Spec.Tokens.Ends[0];
        TrainingExample[] train = Read(Path.Combine(arguments[0], "train.jsonl"), tokenizer, end);
        TrainingExample[] dev = Read(Path.Combine(arguments[0], "dev.jsonl"), tokenizer, end);
        for (int seed = 1; seed <= seeds; seed++)
        {
            using var direct = new DirectParametrization(Start(frozen.Model, tokenizer.Encode(text)), CPU);
            var run = new TrainingRun
            {
                Model = frozen.Model,
                Parametrization = direct,
                Examples = train,
                Options = new TrainingOptions { MaxSteps = Steps },
                Seed = seed,
                LearningRate = rate,
            };
            double before = MeanOfBatches(run, dev);
            TrainingOutcome outcome = PrefixTrainer.Train(run);
            Console.WriteLine($"seed {seed}, rate {rate}: dev loss {before:F3} -> {MeanOfBatches(run, dev):F3}, {outcome.Steps.Count} steps,"
                + $" {outcome.Tokens / outcome.Seconds:F0} tokens/s, start {outcome.StartLoss:F3}, base {outcome.BaseLoss:F3}");
        }
    }

    /// <summary>The mean over batches of 8 in file order of the mean over each batch's tokens.</summary>
    private static double MeanOfBatches(TrainingRun run, TrainingExample[] rows)
    {
        using var scope = NewDisposeScope();
        IReadOnlyDictionary<AttentionSite, Tensor> sites = run.Parametrization.Materialize();
        return rows.Chunk(run.Options.BatchSize).Average(batch => PrefixScorer.MeanLoss(run, batch, sites));
    }

    private static Prefix Start(LanguageModel model, int[] text) => PrefixInitializer.Make(new StartRequest
    {
        Model = model,
        Start = PrefixStart.DefaultText,
        Sites = [AttentionSite.Decoder],
        Length = new PrefixOptions().Length,
        Convention = PrefixConvention.DecoderOnly,
        Text = text,
    });

    private static PretrainedTokenizer OpenTokenizer(int vocabulary)
    {
        using GgufFile file = GgufFile.Open(TrainBenchmark.BasePath);
        return PretrainedTokenizer.FromGguf(file.Metadata, file.Name, vocabulary);
    }

    private static TrainingExample[] Read(string path, PretrainedTokenizer tokenizer, int end) => File.ReadLines(path).Select(line =>
    {
        using JsonDocument row = JsonDocument.Parse(line);
        string source = row.RootElement.GetProperty("source").GetString()!, target = row.RootElement.GetProperty("references")[0].GetString()!;
        return new TrainingExample(tokenizer.Encode(source + "\n"), [.. tokenizer.Encode(target), end]);
    }).ToArray();
}
