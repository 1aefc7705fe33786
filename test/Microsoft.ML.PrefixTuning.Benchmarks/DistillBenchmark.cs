using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// An instruction with worked examples distilled into a short prefix on SmolLM2: on rows that no training saw, the
/// divergence from the teacher (on what the teacher writes for them) and the loss of the references.
/// </summary>
internal static class DistillBenchmark
{
    private const int Examples = 10;
    private const string Instruction =
        "Each block below has facts about a place in one line and, in the next line, a short English text that tells"
            + " all of them and nothing else.\n\n";

    private static readonly BaseModel Base = BaseModel.FromGguf(TrainBenchmark.BasePath);

    // A worked example's text ends with its line.
    private static readonly GenerationOptions Line = new() { MaxNewTokens = 64, StopStrings = ["\n"] };

    /// <summary>Distils and prints.</summary>
    /// <param name="arguments">
    /// Folder with train.jsonl and dev.jsonl (<c>source</c>, <c>references</c>), then: length of the student, epochs, K
    /// of the kept distributions, rows to train on.
    /// </param>
    public static void Measure(string[] arguments)
    {
        int Number(int place, int otherwise) =>
            arguments.Length > place ? int.Parse(arguments[place], CultureInfo.InvariantCulture) : otherwise;
        int length = Number(1, 16), epochs = Number(2, 8), topK = Number(3, 0);
        Pair[] train = Read(Path.Combine(arguments[0], "train.jsonl")),
            dev = Read(Path.Combine(arguments[0], "dev.jsonl"));
        string text = Instruction
            + string.Concat(train.Take(Examples).Select(pair => $"{pair.Source}\n{pair.Reference}\n\n"));
        var options = new DistillationOptions
        {
            Student = new PrefixTuningOptions
            {
                Prefix = new PrefixOptions { Length = length },
                Training = new TrainingOptions { MaxEpochs = epochs, Seed = 1, Progress = ObjectiveMean.Report },
            },
            TopK = topK,
            Continuations = Line,
        };
        var mlContext = new MLContext(seed: 1);
        var watch = Stopwatch.StartNew();
        using PrefixTuningTransformer model = mlContext.Transforms.Text
            .DistillPrefix(nameof(Pair.Written), nameof(Pair.Source), Base, PrefixTeacher.FromText(text), options)
            .Fit(mlContext.Data.LoadFromEnumerable(train.Skip(Examples).Take(Number(4, train.Length))));
        TrainingSummary summary = model.TrainingSummary!;
        Console.WriteLine(
            $"distilled {summary.Distillation!.TeacherTokens} tokens into {length} in {watch.Elapsed.TotalSeconds:F0}"
                + $" s, {summary.Losses.Count} steps,"
            + $" {summary.TokensPerSecond:F0} tokens/s: {summary.Distillation.SavedTokens} tokens saved a row");
        Compare(mlContext, options, text, model.Prefix!, dev);
    }

    private static void Compare(MLContext mlContext, DistillationOptions options, string text, Prefix student,
        Pair[] dev)
    {
        using BaseLease lease = FrozenBase.Acquire(Base.Path, ScalarType.Float32, CPU);
        FrozenBase frozen = lease.Base;
        DistillationTeacher teacher = DistillationTeacher.Make(frozen, PrefixTeacher.FromText(text), options);
        using PrefixTuningTransformer writer = mlContext.Transforms.Text
            .GenerateText(nameof(Pair.Written), nameof(Pair.Source), Base, teacher.Prefix,
                new TextGenerationOptions { Generation = Line })
            .Fit(mlContext.Data.LoadFromEnumerable(dev));
        Pair[] written = mlContext.Data.CreateEnumerable<Pair>(writer.Transform(mlContext.Data.LoadFromEnumerable(dev)),
            reuseRowObject: false).ToArray();
        int end = frozen.Model.Spec.Tokens.Ends[0];
        TrainingExample Row(string source, string target) =>
            new(frozen.Tokenizer.Encode(source + "\n"), [.. frozen.Tokenizer.Encode(target), end]);
        TrainingExample[] references = [.. dev.Select(pair => Row(pair.Source, pair.Reference))];
        List<TrainingExample> continuations = teacher
            .Annotate([.. written.Select(pair => Row(pair.Source, pair.Written))], () => { });
        Prefix untrained = PrefixInitializer.Make(new StartRequest
        {
            Model = frozen.Model,
            Start = PrefixStart.DefaultText,
            Sites = [AttentionSite.Decoder],
            Length = student.Length,
            Convention = PrefixConvention.DecoderOnly,
            Text = frozen.Tokenizer.Encode(text),
        });
        var crossEntropy = new CrossEntropyObjective(0);
        foreach ((string name, Prefix? prefix) in new[] { ("teacher", teacher.Prefix), ("student", student),
            ("untrained prefix", untrained), ("base alone", null) })
        {
            Console.WriteLine(
                $"{name}: {prefix?.Length ?? 0} tokens, held-out divergence"
                    + $" {ObjectiveMean.Of(frozen.Model, teacher.MakeObjective(), continuations, prefix):F3},"
                + $" loss of the references {ObjectiveMean.Of(frozen.Model, crossEntropy, references, prefix):F3}");
        }
    }

    private static Pair[] Read(string path) => File.ReadLines(path).Select(line =>
    {
        using JsonDocument row = JsonDocument.Parse(line);
        return new Pair
        {
            Source = row.RootElement.GetProperty("source").GetString()!,
            Reference = row.RootElement.GetProperty("references")[0].GetString()!
        };
    }).ToArray();

    private sealed class Pair
    {
        public string Source { get; set; } = "";

        public string Reference { get; set; } = "";

        public string Written { get; set; } = "";
    }
}
