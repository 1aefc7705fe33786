using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// Greedy decoding on the SmolLM2 base: E2E prompts, prefix length 20, 40 new tokens a row, batches of 1, 16 and 64.
/// </summary>
internal static class GenerateBenchmark
{
    private const int PrefixLength = 20;
    private const int NewTokens = 40;
    private const string Steps = "steps=";

    private static readonly int[] BatchSizes = [1, 16, 64];

    /// <summary>Measures: a JSON line a precision and batch size, then a table.</summary>
    /// <param name="arguments">
    /// Prompts (a JSON file whose <c>c.rows</c> have <c>prompt</c> ids), rows at batch size 16 (default 32), precisions
    /// (default all; see <see cref="BaseForms"/>); <c>steps=rows</c> or <c>steps=whole</c> for the products of
    /// bfloat16 that are not those of the batch size.
    /// </param>
    public static void Measure(string[] arguments)
    {
        string? asked = arguments.FirstOrDefault(argument => argument.StartsWith(Steps, StringComparison.Ordinal));
        StepForm? forced = asked is null ? null : Enum.Parse<StepForm>(asked[Steps.Length..], ignoreCase: true);
        arguments = [.. arguments.Where(argument => argument != asked)];
        int[][] sources = ReadSources(arguments[0]);
        int rows = arguments.Length > 1 ? int.Parse(arguments[1], CultureInfo.InvariantCulture) : 32;
        Calibration.Print(Calibration.ReadRate());
        var results = new List<Result>();
        foreach ((string name, BaseForm form) in BaseForms.Of(arguments.Skip(2).ToArray()))
        {
            using FrozenBase frozen = FrozenBase.Load(TrainBenchmark.BasePath, form, CPU);
            using PrefixTensors prefix = PrefixTensors.Make(TextPrefix(sources[0]), frozen.Model);
            GenerationPrompt[] prompts = [.. Enumerable.Range(0, Math.Max(rows, BatchSizes[^1]))
                .Select(row => new GenerationPrompt(sources[row % sources.Length], prefix))];
            foreach (int batchSize in BatchSizes)
            {
                int count = batchSize == 1 ? Math.Max(1, rows / 8) : Math.Max(rows, batchSize);
                Result result = Run(frozen, name, forced ?? StepChoice.Of(batchSize), batchSize, prompts[..count]);
                Console.WriteLine(JsonSerializer.Serialize(result));
                results.Add(result);
            }
            Console.WriteLine(
                $"{name}: {ChangedRows(frozen, prompts[..rows])} of {rows} rows differ between batch sizes 1 and 16");
        }
        WriteTable(results);
    }

    private static void WriteTable(List<Result> results)
    {
        Console.WriteLine("\n| precision | batch | tokens/s, prompts included | without | bound | share | ms a step |"
            + " products | attention | elementwise | cache | not measured | processor ms a token | peak memory |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach (Result result in results)
        {
            WriteParts parts = result.Parts;
            double step = result.BatchSize / result.WithoutPrompts, bound = result.BatchSize / parts.Bound;
            double[] times = [step, parts.Products, parts.Attention, parts.Elementwise, parts.Memory, step - parts.Sum];
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {result.Precision} | {result.BatchSize} | {result.TokensPerSecond:F1} |"
                    + $" {result.WithoutPrompts:F1} |")
                + string.Create(CultureInfo.InvariantCulture, $" {bound:F0} | {result.WithoutPrompts / bound:P0} |")
                + string.Concat(times.Select(time =>
                    string.Create(CultureInfo.InvariantCulture, $" {1e3 * time:F1} |")))
                + string.Create(CultureInfo.InvariantCulture,
                    $" {result.ProcessorMilliseconds:F1} | {result.PeakGigabytes:F2} GB |"));
        }
    }

    private static Result Run(FrozenBase frozen, string precision, StepForm form, int batchSize,
        GenerationPrompt[] prompts)
    {
        // No end token: every run does the same work.
        (double seconds, double processor) = Write(frozen, form, batchSize, prompts, NewTokens);
        // The prompts and each row's first token.
        (double reading, _) = Write(frozen, form, batchSize, prompts, 1);
        double tokens = (double)prompts.Length * NewTokens;
        int columns = PrefixLength + (int)prompts.Average(prompt => prompt.Source.Length) + NewTokens / 2;
        return new Result(precision, batchSize, prompts.Length, tokens / seconds,
            (tokens - prompts.Length) / (seconds - reading), 1e3 * processor / tokens, CellProcess.Peak(),
            WriteParts.Measure(frozen.Model.ForSteps(form), batchSize, 1, columns));
    }

    private static (double Seconds, double Processor) Write(FrozenBase frozen, StepForm form, int batchSize,
        GenerationPrompt[] prompts, int newTokens)
    {
        using var generator = new BatchWriter(new DecodingLoop(frozen.Model, form), frozen.Model.Spec,
            new GenerationRules { MaxNewTokens = newTokens, BatchSize = batchSize });
        generator.Generate(prompts[..Math.Min(batchSize, prompts.Length)]);
        using var self = Process.GetCurrentProcess();
        TimeSpan before = self.TotalProcessorTime;
        long start = Stopwatch.GetTimestamp();
        generator.Generate(prompts);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        self.Refresh();
        return (seconds, (self.TotalProcessorTime - before).TotalSeconds);
    }

    private static int ChangedRows(FrozenBase frozen, GenerationPrompt[] prompts)
    {
        IReadOnlyList<GeneratedSequence[]>[] texts = [.. new[] { 1, 16 }.Select(batchSize =>
        {
            using var generator = new BatchWriter(frozen.Model,
                new GenerationRules { MaxNewTokens = NewTokens, BatchSize = batchSize,
                    EndIds = frozen.Model.Spec.Tokens.Ends });
            return generator.Generate(prompts);
        })];
        return Enumerable.Range(0, prompts.Length)
            .Count(row => !texts[0][row][0].Ids.SequenceEqual(texts[1][row][0].Ids));
    }

    /// <summary>Keys and values of a text in float32: the same prefix for every precision.</summary>
    /// <param name="text">Its tokens.</param>
    public static Prefix TextPrefix(int[] text)
    {
        using FrozenBase wide = FrozenBase.Load(TrainBenchmark.BasePath, ScalarType.Float32, CPU);
        return TimedSteps.Start(wide, text, PrefixLength);
    }

    /// <summary>The prompts of a file.</summary>
    public static int[][] ReadSources(string path)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(path));
        return [.. json.RootElement.GetProperty("c").GetProperty("rows").EnumerateArray()
            .Select(row => row.GetProperty("prompt").EnumerateArray().Select(id => id.GetInt32()).ToArray())];
    }

    /// <summary>What was measured.</summary>
    /// <param name="Precision">Of the base.</param>
    /// <param name="BatchSize">Rows written at once.</param>
    /// <param name="Rows">Rows in all.</param>
    /// <param name="TokensPerSecond">New tokens, the reading of prompts included.</param>
    /// <param name="WithoutPrompts">The same without it.</param>
    /// <param name="ProcessorMilliseconds">Of all cores, a token.</param>
    /// <param name="PeakGigabytes">Largest resident set of the process up to then.</param>
    /// <param name="Parts">Where the time of a step goes.</param>
    private sealed record Result(string Precision, int BatchSize, int Rows, double TokensPerSecond,
        double WithoutPrompts, double ProcessorMilliseconds, double PeakGigabytes, WriteParts Parts);
}
