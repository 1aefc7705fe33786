using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>Training speed on the SmolLM2 base: E2E rows, prefix length 20, batches of 8.</summary>
internal static class TrainBenchmark
{
    private const int PrefixLength = 20;
    private const int BatchSize = 8;
    private const string Shared = "shared=true";

    /// <summary>The base's file beside the application.</summary>
    public static string BasePath { get; } =
        Path.Combine(AppContext.BaseDirectory, "base-models", "smollm2-135m-instruct",
            "SmolLM2-135M-Instruct.Q4_1.gguf");

    /// <summary>
    /// Measures both precisions, or the one that is named, beside the machine's calibration: a JSON line each, then a
    /// table.
    /// </summary>
    /// <param name="arguments">
    /// Rows (a JSON file whose <c>c.rows</c> have <c>prompt</c> and <c>target</c> ids), epochs to measure, precision;
    /// <c>shared=true</c> reads a source once for rows that share it.
    /// </param>
    public static void Measure(string[] arguments)
    {
        RowPacking packing = arguments.Contains(Shared) ? RowPacking.OneRow : RowPacking.None;
        arguments = [.. arguments.Where(argument => argument != Shared)];
        TrainingExample[] rows = ReadRows(arguments[0]);
        int epochs = arguments.Length > 1 ? int.Parse(arguments[1], CultureInfo.InvariantCulture) : 2;
        ScalarType[] types = arguments.Length > 2 ? [Enum.Parse<ScalarType>(arguments[2])]
            : [ScalarType.Float32, ScalarType.BFloat16];
        Calibration.Measure();
        var results = new List<TrainResult>();
        foreach (ScalarType type in types)
        {
            TrainResult result = Train(rows, epochs, type, packing);
            Console.WriteLine(JsonSerializer.Serialize(result));
            results.Add(result);
        }
        WriteTable(results);
    }

    private static void WriteTable(List<TrainResult> results)
    {
        Console.WriteLine("\n| precision | rows/s | tokens/s | steps/s | padding | peak memory | ms a step | bound |"
            + " share | products | attention | elementwise | loss | moves | inputs | optimiser | not measured |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach (TrainResult result in results)
        {
            double step = 1 / result.StepsPerSecond;
            TrainParts parts = result.Parts;
            double[] milliseconds = [parts.Products, parts.Attention, parts.Elementwise, parts.Loss, parts.Moves,
                parts.Inputs, parts.Optimizer, step - parts.Sum];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {result.Precision} | {result.RowsPerSecond:F2} | {result.TokensPerSecond:F0} |")
                + string.Create(CultureInfo.InvariantCulture, $" {result.StepsPerSecond:F2} |")
                + string.Create(CultureInfo.InvariantCulture,
                    $" {result.Padding:P1} | {result.PeakGigabytes:F2} GB | {1e3 * step:F0} |")
                + string.Create(CultureInfo.InvariantCulture,
                    $" {1e3 * parts.Bound:F0} | {parts.Bound / step:P0} |")
                + string.Concat(milliseconds.Select(time =>
                    string.Create(CultureInfo.InvariantCulture, $" {1e3 * time:F0} |"))));
        }
    }

    /// <summary>Trains one epoch unmeasured, then the wanted ones.</summary>
    private static TrainResult Train(TrainingExample[] rows, int epochs, ScalarType type, RowPacking packing)
    {
        using FrozenBase frozen = FrozenBase.Load(BasePath, type, CPU);
        using var parametrization = new TrainedKeyValues(Start(frozen, rows), CPU);
        var watch = new Stopwatch();
        using var learner = new GradientLearner(new TrainingRun
        {
            Model = frozen.Model,
            Examples = rows,
            Options = new TrainingOptions
            {
                MaxEpochs = epochs + 1,
                BatchSize = BatchSize,
                SharedSources = packing != RowPacking.None,
            },
            Seed = 1,
            LearningRate = 0.02,
            Progress = progress =>
            {
                if (progress.Step == progress.TotalSteps / (epochs + 1))
                    watch.Start();
            },
        }, parametrization);
        TrainingOutcome outcome = PrefixTrainer.Train(learner);
        double seconds = watch.Elapsed.TotalSeconds;
        double tokens = (double)epochs / (epochs + 1) * outcome.Summary.Tokens;
        double steps = epochs * ((rows.Length + BatchSize - 1) / BatchSize);
        double peak = Process.GetCurrentProcess().PeakWorkingSet64 / 1e9;
        return new TrainResult(packing == RowPacking.None ? $"{type}" : $"{type}, {Shared}",
            (double)epochs * rows.Length / seconds, tokens / seconds, steps / seconds, outcome.PaddingShare, peak,
            outcome.Summary.StartLoss, outcome.Steps[^1].Loss,
            TrainParts.Measure(frozen.Model, Typical(rows, packing), parametrization, packing));
    }

    /// <summary>A batch of middle length.</summary>
    private static TrainingExample[] Typical(TrainingExample[] rows, RowPacking packing)
    {
        if (packing == RowPacking.None)
            return [.. rows.OrderBy(row => row.Tokens).Skip((rows.Length - BatchSize) / 2).Take(BatchSize)];
        TrainingExample[][] batches = [.. BatchPlan.ShuffledBySource(rows, BatchSize, seed: 1, epoch: 0)
            .Select(batch => Array.ConvertAll(batch, row => rows[row]))
            .OrderBy(batch => BatchPlan.Places(batch, packing))];
        return batches[batches.Length / 2];
    }

    /// <summary>The prefix that is trained, of 20 tokens.</summary>
    public static Prefix Start(FrozenBase frozen, TrainingExample[] rows) =>
        TimedSteps.Start(frozen, rows[0].Source, PrefixLength);

    /// <summary>Rows of a JSON file whose <c>c.rows</c> have <c>prompt</c> and <c>target</c> ids.</summary>
    public static TrainingExample[] ReadRows(string path)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(path));
        return json.RootElement.GetProperty("c").GetProperty("rows").EnumerateArray()
            .Select(row => new TrainingExample(Ids(row.GetProperty("prompt")), Ids(row.GetProperty("target"))))
                .ToArray();
    }

    private static int[] Ids(JsonElement ids) => ids.EnumerateArray().Select(id => id.GetInt32()).ToArray();

    /// <summary>What a training came to.</summary>
    /// <param name="Precision">Type of the base, and whether sources are read once.</param>
    /// <param name="RowsPerSecond">Rows.</param>
    /// <param name="TokensPerSecond">Real tokens, of sources as often as they are read and of targets.</param>
    /// <param name="StepsPerSecond">Steps.</param>
    /// <param name="Padding">Share of padding.</param>
    /// <param name="PeakGigabytes">Largest resident set of the process up to then.</param>
    /// <param name="StartLoss">Loss of the untrained prefix.</param>
    /// <param name="LastLoss">Loss of the last step.</param>
    /// <param name="Parts">Where the time of a step goes, of a batch of middle length.</param>
    private sealed record TrainResult(string Precision, double RowsPerSecond, double TokensPerSecond,
        double StepsPerSecond, double Padding, double PeakGigabytes, double StartLoss, double LastLoss,
        TrainParts Parts);
}
