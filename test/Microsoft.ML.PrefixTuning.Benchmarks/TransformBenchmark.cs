using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// What a pipeline adds to the bare generator: rows a second of a transformed view, from text to text, over those of
/// the same prompts as ids.
/// </summary>
internal static class TransformBenchmark
{
    private const int NewTokens = 24;

    /// <summary>Measures: a JSON line, then a table.</summary>
    /// <param name="arguments">
    /// Folder with train.jsonl (<c>source</c>), rows (default 64), precision (default Float32).
    /// </param>
    public static void Measure(string[] arguments)
    {
        int count = arguments.Length > 1 ? int.Parse(arguments[1], CultureInfo.InvariantCulture) : 64;
        ModelPrecision precision = arguments.Length > 2
            ? Enum.Parse<ModelPrecision>(arguments[2], ignoreCase: true) : ModelPrecision.Float32;
        Row[] rows = [.. File.ReadLines(Path.Combine(arguments[0], "train.jsonl")).Take(count).Select(Read)];
        var mlContext = new MLContext(seed: 1);
        IDataView view = mlContext.Data.LoadFromEnumerable(rows);
        using PrefixTuningTransformer model = mlContext.Transforms.Text.GenerateText("Text", "Facts",
            SmolLM2.Instruct135M, options: new TextGenerationOptions
            {
                Precision = precision,
                Generation = new GenerationOptions { MaxNewTokens = NewTokens, RememberedTexts = 0 },
            }).Fit(view);
        FrozenBase frozen = model.Session.Base;
        GenerationRules rules = GenerationRules.Of(model.Session.Settings.Generation, frozen.Model.Spec,
            frozen.Tokenizer, frozen.EndIds);
        using var generator = new BatchWriter(frozen.Model, rules);
        GenerationPrompt[] prompts =
            [.. rows.Select(row => new GenerationPrompt([.. frozen.Tokenizer.Encode(row.Facts + "\n")], null))];
        var results = new List<Result>();
        // Both in turn, so that a machine that slows down slows both.
        for (int round = 0; round < 3; round++)
        {
            double bare = Seconds(() => generator.Generate(prompts));
            double whole = Seconds(() => model.Transform(view).GetColumn<string>("Text").Count());
            results.Add(new Result(count, count / bare, count / whole));
        }
        Result best = new(count, results.Max(result => result.BareRows), results.Max(result => result.Rows),
            Bound(frozen, prompts, rules.BatchSize));
        Console.WriteLine(JsonSerializer.Serialize(best));
        Console.WriteLine("\n| precision | rows | generator, rows/s | pipeline, rows/s | share | bound, rows/s |"
            + " share |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|---:|");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"| {precision} | {count} | {best.BareRows:F2} | {best.Rows:F2} | {best.Rows / best.BareRows:P0} |")
            + string.Create(CultureInfo.InvariantCulture, $" {best.Bound:F2} | {best.Rows / best.Bound:P0} |"));
    }

    /// <summary>
    /// Rows a second of products and attention alone: prompts of middle length are read, and every row takes all of its
    /// tokens.
    /// </summary>
    private static double Bound(FrozenBase frozen, GenerationPrompt[] prompts, int batchSize)
    {
        int source = (int)prompts.Average(prompt => prompt.Source.Length);
        double reading = WriteParts.Measure(frozen.Model, batchSize, source, source).Bound;
        double token = WriteParts.Measure(frozen.Model, batchSize, 1, source + NewTokens / 2).Bound;
        return batchSize / (reading + (NewTokens - 1) * token);
    }

    private static double Seconds(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static Row Read(string line)
    {
        using JsonDocument row = JsonDocument.Parse(line);
        return new Row { Facts = row.RootElement.GetProperty("source").GetString()! };
    }

    private sealed class Row
    {
        public string Facts { get; set; } = "";
    }

    /// <summary>What was measured.</summary>
    /// <param name="Count">Rows.</param>
    /// <param name="BareRows">Rows a second of the generator.</param>
    /// <param name="Rows">Rows a second of the view.</param>
    /// <param name="Bound">Rows a second of products and attention alone; 0 where it was not asked for.</param>
    private sealed record Result(int Count, double BareRows, double Rows, double Bound = 0);
}
