using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>Reading of prompts on the SmolLM2 base: 16 rows of 512 tokens behind a prefix of 20, with each row's first
/// token.</summary>
internal static class PrefillBenchmark
{
    private const int Rows = 16;
    private const int Tokens = 512;
    private const int Repetitions = 3;

    /// <summary>Measures: a JSON line a precision, then a table.</summary>
    /// <param name="precisions">Precisions (default all; see <see cref="BaseForms"/>).</param>
    public static void Measure(string[] precisions)
    {
        Console.WriteLine($"threads {get_num_threads()}");
        int[][] sources = [.. Enumerable.Range(0, Rows)
            .Select(row => Enumerable.Range(0, Tokens).Select(i => 100 + (31 * i + 977 * row) % 40_000).ToArray())];
        Prefix prefix = GenerateBenchmark.TextPrefix(sources[0]);
        var results = new List<Result>();
        foreach ((string name, BaseForm form) in BaseForms.Of(precisions))
        {
            using FrozenBase frozen = FrozenBase.Load(TrainBenchmark.BasePath, form, CPU);
            using PrefixTensors tensors = PrefixTensors.Make(prefix, frozen.Model);
            double seconds = Read(frozen, [.. sources.Select(source => new GenerationPrompt(source, tensors))]);
            const int RowsOfPass = ReadingPass.MostTokens / Tokens;
            results.Add(new Result(name, Rows * Tokens / seconds, seconds, CellProcess.Peak(),
                WriteParts.Measure(frozen.Model, RowsOfPass, Tokens, prefix.Length + Tokens)
                    .Times(Rows / RowsOfPass)));
            Console.WriteLine(JsonSerializer.Serialize(results[^1]));
        }
        Console.WriteLine("\n| precision | tokens/s | bound | share | s | products | attention | elementwise | cache |"
            + " not measured | peak memory |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach (Result result in results)
            Console.WriteLine(Line(result));
    }

    private static string Line(Result result)
    {
        WriteParts parts = result.Parts;
        double[] times = [result.Seconds, parts.Products, parts.Attention, parts.Elementwise, parts.Memory,
            result.Seconds - parts.Sum];
        return string.Create(CultureInfo.InvariantCulture,
            $"| {result.Precision} | {result.TokensPerSecond:F0} | {Rows * Tokens / parts.Bound:F0} |")
            + string.Create(CultureInfo.InvariantCulture, $" {parts.Bound / result.Seconds:P0} |")
            + string.Concat(times.Select(time => string.Create(CultureInfo.InvariantCulture, $" {time:F2} |")))
            + string.Create(CultureInfo.InvariantCulture, $" {result.PeakGigabytes:F2} GB |");
    }

    /// <summary>Seconds of the fastest call.</summary>
    private static double Read(FrozenBase frozen, GenerationPrompt[] prompts)
    {
        using var generator = new BatchWriter(frozen.Model, new GenerationRules { MaxNewTokens = 1, BatchSize = Rows });
        generator.Generate(prompts[..1]);
        return Enumerable.Range(0, Repetitions).Min(_ =>
        {
            long start = Stopwatch.GetTimestamp();
            generator.Generate(prompts);
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        });
    }

    /// <summary>What was measured.</summary>
    /// <param name="Precision">Of the base.</param>
    /// <param name="TokensPerSecond">Tokens of prompts.</param>
    /// <param name="Seconds">All rows.</param>
    /// <param name="PeakGigabytes">Largest resident set of the process up to then.</param>
    /// <param name="Parts">Where the time of all passes goes.</param>
    private sealed record Result(string Precision, double TokensPerSecond, double Seconds, double PeakGigabytes,
        WriteParts Parts);
}
