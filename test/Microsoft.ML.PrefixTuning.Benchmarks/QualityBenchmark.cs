using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// What the library's defaults reach on a small fixed task, through its public face: the loss on unseen rows, BLEU of
/// greedy texts against all references (lower case), and the first texts.
/// </summary>
internal static class QualityBenchmark
{
    private const int BatchSize = 8;
    private const int ShownTexts = 5;
    private const int BeamWidth = 5;

    private static readonly Dictionary<string, PrefixOptions> Methods = new(StringComparer.Ordinal)
    {
        ["default"] = new PrefixOptions(),
        ["embedding-only"] = new PrefixOptions { Method = PrefixMethod.EmbeddingOnly },
        ["infix"] = new PrefixOptions { Method = PrefixMethod.Infix },
        ["memory"] = new PrefixOptions { Method = PrefixMethod.Memory },
        ["text"] = new PrefixOptions { Method = PrefixMethod.Text },
        ["trigger-words"] = new PrefixOptions { Method = PrefixMethod.TriggerWords() },
        ["mlp"] = new PrefixOptions { Parametrization = Parametrization.Mlp() },
        ["residual-mlp"] = new PrefixOptions { Parametrization = Parametrization.ResidualMlp() },
    };

    /// <summary>Trains and prints.</summary>
    /// <param name="arguments">
    /// Folder with train.jsonl, dev.jsonl and test.jsonl (<c>source</c>, <c>references</c>), then: seed, method, and
    /// settings as name=value (see <see cref="QualitySettings"/>).
    /// </param>
    public static void Measure(string[] arguments)
    {
        int seed = arguments.Length > 1 ? int.Parse(arguments[1], CultureInfo.InvariantCulture) : 1;
        string method = arguments.Length > 2 ? arguments[2] : "default";
        var settings = new QualitySettings(arguments.Skip(3));
        Row[] train = Read(arguments[0], "train.jsonl"), dev = Read(arguments[0], "dev.jsonl"),
            test = Read(arguments[0], "test.jsonl");
        var mlContext = new MLContext(seed);
        var options = new PrefixTuningOptions
        {
            Prefix = Methods[method],
            Training = settings.Training(new TrainingOptions(), $"{method}-{seed}"),
            // How texts are cut for the score.
            Generation = new GenerationOptions { MaxNewTokens = 64, StopStrings = ["\n"] },
            Precision = settings.Precision,
        };
        using PrefixTuningTransformer model =
            mlContext.Transforms.Text.PrefixTune("Text", "Facts", "Reference", SmolLM2.Instruct135M, options)
            .Fit(mlContext.Data.LoadFromEnumerable(train));
        TrainingSummary summary = model.TrainingSummary!;
        double loss = LossOf(model, dev);
        string[] texts = TextsOf(mlContext, model, test);
        TextGenerationMetrics greedy = Score(mlContext, test, texts);
        using PrefixTuningTransformer beams =
            mlContext.Transforms.Text.GenerateText("Text", "Facts", SmolLM2.Instruct135M, model.Prefix,
            new TextGenerationOptions
            {
                Generation = options.Generation with { Decoding = Decoding.Beam(BeamWidth) },
                Precision = settings.Precision
            })
            .Fit(mlContext.Data.LoadFromEnumerable(test));
        TextGenerationMetrics beam = Score(mlContext, test, TextsOf(mlContext, beams, test));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{method}, seed {seed}{settings}: dev loss {loss:F3}, BLEU {greedy.Bleu:F1} (brevity"
                + $" {greedy.BleuBrevityPenalty:F3}), ROUGE-L {greedy.RougeL.F:F3}, chrF {greedy.ChrF:F1}; beam"
                + $" {BeamWidth}: BLEU {beam.Bleu:F1} (brevity {beam.BleuBrevityPenalty:F3}); ")
            + string.Create(CultureInfo.InvariantCulture,
                $"held out: base {summary.BaseLoss:F3}, start {summary.StartLoss:F3}, best {summary.BestLoss:F3} at"
                    + $" step {summary.BestStep} of {summary.Losses.Count}; ")
            + string.Create(CultureInfo.InvariantCulture,
                $"{summary.TrainedParameters} trained, {summary.TokensPerSecond:F0} tokens/s"));
        for (int row = 0; row < ShownTexts; row++)
            Console.WriteLine($"  {test[row].Facts}\n  -> {texts[row]}");
    }

    private static string[] TextsOf(MLContext mlContext, PrefixTuningTransformer model, Row[] rows) =>
        model.Transform(mlContext.Data.LoadFromEnumerable(rows)).GetColumn<string>("Text").ToArray();

    private static TextGenerationMetrics Score(MLContext mlContext, Row[] rows, string[] texts)
    {
        var segments = rows.SelectMany((row, index) => row.References.Select(reference =>
            new Segment { Number = index, Reference = reference, Text = texts[index] }));
        return mlContext.TextGeneration.Evaluate(mlContext.Data.LoadFromEnumerable(segments), "Reference", "Text",
            new TextGenerationEvaluationOptions { GroupColumnName = "Number", Lowercase = true });
    }

    /// <summary>The mean over batches of 8 in file order of the mean over each batch's tokens.</summary>
    private static double LossOf(PrefixTuningTransformer model, Row[] rows)
    {
        FrozenBase frozen = model.Session.Base;
        int end = frozen.Model.Spec.Tokens.Ends[0];
        TrainingExample[] examples = rows.Select(row => new TrainingExample(frozen.Tokenizer.Encode(row.Facts + "\n"),
            [.. frozen.Tokenizer.Encode(row.Reference), end])).ToArray();
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var trained = new TrainedKeyValues(model.Prefix!, CPU);
        var run = new TrainingRun
        {
            Model = frozen.Model,
            Examples = examples,
            Options = new TrainingOptions(),
            Seed = 1,
            LearningRate = 1,
        };
        var pass = new PrefixPass(run, trained.Convention);
        IReadOnlyDictionary<AttentionSite, Tensor> sites = trained.Materialize();
        return examples.Chunk(BatchSize).Average(batch => pass.MeanLoss(batch, sites, () => { }));
    }

    private static Row[] Read(string folder, string file) => File.ReadLines(Path.Combine(folder, file)).Select(line =>
    {
        using JsonDocument row = JsonDocument.Parse(line);
        string[] references = row.RootElement.GetProperty("references").EnumerateArray()
            .Select(reference => reference.GetString()!).ToArray();
        return new Row
        {
            Facts = row.RootElement.GetProperty("source").GetString()!,
            Reference = references[0],
            References = references
        };
    }).ToArray();

    private sealed class Row
    {
        public string Facts { get; set; } = "";

        public string Reference { get; set; } = "";

        [NoColumn]
        public string[] References { get; set; } = [];
    }

    private sealed class Segment
    {
        public int Number { get; set; }

        public string Reference { get; set; } = "";

        public string Text { get; set; } = "";
    }
}
