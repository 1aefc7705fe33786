using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// Greedy decoding on the SmolLM2 base: E2E prompts, prefix length 20, batches of 1 and 16, both precisions.
/// </summary>
internal static class GenerateBenchmark
{
    private const int PrefixLength = 20;
    private const int NewTokens = 40;

    /// <summary>Measures both precisions, or the one that is named, beside the machine's calibration.</summary>
    /// <param name="arguments">
    /// Prompts (a JSON file whose <c>c.rows</c> have <c>prompt</c> ids), rows at batch size 16 (default 32), precision.
    /// </param>
    public static void Measure(string[] arguments)
    {
        int[][] sources = ReadSources(arguments[0]);
        int rows = arguments.Length > 1 ? int.Parse(arguments[1], CultureInfo.InvariantCulture) : 32;
        ScalarType[] types = arguments.Length > 2 ? [Enum.Parse<ScalarType>(arguments[2])]
            : [ScalarType.Float32, ScalarType.BFloat16];
        Calibration calibration = Calibration.Measure();
        foreach (ScalarType type in types)
        {
            string path = Path.Combine(AppContext.BaseDirectory, "base-models", "smollm2-135m-instruct",
                "SmolLM2-135M-Instruct.Q4_1.gguf");
            using FrozenBase frozen = FrozenBase.Load(path, type, CPU);
            using PrefixTensors prefix = PrefixTensors.Make(TextPrefix(frozen, sources[0]), frozen.Model);
            GenerationPrompt[] prompts = [.. Enumerable.Range(0, rows)
                .Select(row => new GenerationPrompt(sources[row % sources.Length], prefix))];
            // Every token of a step passes every weight once: at batch size 1 memory is the bound.
            double bytes =
                frozen.Model.Weights.Owned.Sum(weight => (double)weight.NumberOfElements * weight.ElementSize);
            double bound = calibration.MemoryRead * 1e9 / bytes;
            foreach (int batchSize in (int[])[1, 16])
                Report(frozen, type, batchSize, batchSize == 1 ? prompts[..Math.Max(1, rows / 8)] : prompts, bound);
            Console.WriteLine(
                $"generate {type}: {ChangedRows(frozen, prompts)} of {rows} rows differ between batch sizes 1 and 16");
        }
    }

    private static void Report(FrozenBase frozen, ScalarType type, int batchSize, GenerationPrompt[] prompts,
        double bound)
    {
        // No end token: every run does the same work.
        using var generator =
            new BatchWriter(frozen.Model, new GenerationRules { MaxNewTokens = NewTokens, BatchSize = batchSize });
        generator.Generate(prompts[..Math.Min(batchSize, prompts.Length)]);
        TimeSpan processor = Process.GetCurrentProcess().TotalProcessorTime;
        long start = Stopwatch.GetTimestamp();
        generator.Generate(prompts);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        processor = Process.GetCurrentProcess().TotalProcessorTime - processor;
        double tokens = (double)prompts.Length * NewTokens, writing = seconds - Reading(frozen, batchSize, prompts);
        Console.WriteLine(
            $"generate {type}, batch size {batchSize}: {tokens / seconds:F1} tokens/s, reading of prompts included,"
                + $" {(tokens - prompts.Length) / writing:F1} without"
            + $" ({processor.TotalMilliseconds / tokens:F1} processor ms a token; bound at batch size 1: {bound:F0}"
            + " tokens/s),"
            + $" peak memory {Process.GetCurrentProcess().PeakWorkingSet64 / 1e9:F2} GB");
    }

    /// <summary>Seconds for the prompts and each row's first token.</summary>
    private static double Reading(FrozenBase frozen, int batchSize, GenerationPrompt[] prompts)
    {
        using var generator =
            new BatchWriter(frozen.Model, new GenerationRules { MaxNewTokens = 1, BatchSize = batchSize });
        generator.Generate(prompts[..Math.Min(batchSize, prompts.Length)]);
        long start = Stopwatch.GetTimestamp();
        generator.Generate(prompts);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
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

    private static Prefix TextPrefix(FrozenBase frozen, int[] text) => PrefixInitializer.Make(new StartRequest
    {
        Model = frozen.Model,
        Start = PrefixStart.DefaultText,
        Sites = [AttentionSite.Decoder],
        Length = PrefixLength,
        Convention = PrefixConvention.DecoderOnly,
        Text = text,
    });

    /// <summary>The prompts of a file, as ids.</summary>
    public static int[][] ReadSources(string path)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(path));
        return [.. json.RootElement.GetProperty("c").GetProperty("rows").EnumerateArray()
            .Select(row => row.GetProperty("prompt").EnumerateArray().Select(id => id.GetInt32()).ToArray())];
    }
}
