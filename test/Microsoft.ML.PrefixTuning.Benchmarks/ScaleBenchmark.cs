using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// Bases of real size: a Llama with random weights is written as GGUF, then loaded by a process of its own that takes
/// training steps of 8 rows x 64 tokens and writes one text.
/// </summary>
internal static class ScaleBenchmark
{
    /// <summary>The verb of a cell's process.</summary>
    public const string CellVerb = "scale-cell";

    private const int Rows = 8, Tokens = 64, Targets = 16, PrefixLength = 20, NewTokens = 8;

    /// <summary>Measures cells, one after the other: JSON lines, then a table.</summary>
    /// <param name="arguments">
    /// Names of models (1.24, 8.03) and types (Q4_K, Q8_0), none for all; settings as of <c>memory</c>;
    /// <c>folder=</c> where the files are written, <c>steps=</c>.
    /// </param>
    public static void Measure(string[] arguments)
    {
        string[] settings = [.. arguments.Where(argument => argument.Contains('=', StringComparison.Ordinal))];
        string folder = settings.FirstOrDefault(setting => setting.StartsWith("folder=", StringComparison.Ordinal))
            is { } named ? named["folder=".Length..] : Path.GetTempPath();
        string[] chosen = [.. arguments.Except(settings)];
        var results = new List<ScaleCell>();
        foreach (ScaleModel model in ScaleModel.All.Where(model => IsChosen(model.Name, ScaleModel.All, chosen)))
        {
            foreach (ScaleType type in ScaleType.All.Where(type => IsChosen(type.Name, ScaleType.All, chosen)))
            {
                if (MeasureFile(model, type, folder, settings) is not { } line)
                    continue;
                Console.WriteLine(line);
                results.Add(JsonSerializer.Deserialize<ScaleCell>(line)!);
            }
        }
        WriteTable(results);
    }

    /// <summary>One cell, in this process: its JSON line.</summary>
    /// <param name="arguments">Model, type, file, settings.</param>
    public static void MeasureHere(string[] arguments)
    {
        ScaleModel model = ScaleModel.All.Single(one => one.Name == arguments[0]);
        string file = arguments[2];
        int steps = 2;
        string[] rest = [.. arguments[3..].Where(setting => !setting.StartsWith("folder=", StringComparison.Ordinal))];
        if (rest.FirstOrDefault(setting => setting.StartsWith("steps=", StringComparison.Ordinal)) is { } number)
            steps = int.Parse(number["steps=".Length..], CultureInfo.InvariantCulture);
        var settings = MemorySettings.Parse([.. rest.Where(setting =>
            !setting.StartsWith("steps=", StringComparison.Ordinal))]);
        long start = Stopwatch.GetTimestamp();
        using FrozenBase frozen = FrozenBase.Load(file, settings.Form, CPU);
        double load = Stopwatch.GetElapsedTime(start).TotalSeconds;
        (LoadCost step, double loss, bool isRecomputed) = TimedSteps.LastOf(frozen,
            TimedSteps.Rows(Rows * steps, Tokens - Targets, Targets), settings.Options with { BatchSize = Rows },
            PrefixLength);
        double text = Write(frozen);
        double peak = CellProcess.Peak();
        double bound = ScaleBound.OfStep(model, Rows, Tokens, Rows * Targets, (settings.Form.Type, isRecomputed));
        Console.WriteLine(JsonSerializer.Serialize(new ScaleCell
        {
            Model = model.Name,
            Type = arguments[1],
            Settings = settings.Text,
            FileGigabytes = new FileInfo(file).Length / 1e9,
            LoadSeconds = load,
            ProcessorSeconds = step.Processor,
            TokensPerSecond = Rows * Tokens / step.Wall,
            BoundTokensPerSecond = Rows * Tokens / bound,
            WrittenPerSecond = text,
            WrittenBound = Calibration.ReadRate() * 1e9 / new FileInfo(file).Length,
            PeakGigabytes = peak,
            Loss = loss,
        }));
    }

    private static bool IsChosen<T>(string name, IEnumerable<T> all, string[] chosen) =>
        chosen.Contains(name) || !all.Any(one => chosen.Contains(NameOf(one)));

    private static string NameOf<T>(T one) => one is ScaleModel model ? model.Name : ((ScaleType)(object)one!).Name;

    private static string? MeasureFile(ScaleModel model, ScaleType type, string folder, string[] settings)
    {
        string file = Path.Combine(folder, $"scale-{model.Name}-{type.Name}.gguf");
        try
        {
            long start = Stopwatch.GetTimestamp();
            model.Write(file, type);
            Console.Error.WriteLine($"{file}: {new FileInfo(file).Length / 1e9:F2} GB, written in"
                + $" {Stopwatch.GetElapsedTime(start).TotalSeconds:F0} s");
            return CellProcess.Run(CellVerb, [model.Name, type.Name, file, .. settings]);
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>Tokens a second of one text, its prompt read before.</summary>
    private static double Write(FrozenBase frozen)
    {
        int[] prompt = TimedSteps.Rows(1, Tokens - Targets, 1)[0].Source;
        using PrefixTensors prefix =
            PrefixTensors.Make(TimedSteps.Start(frozen, prompt, PrefixLength), frozen.Model);
        double reading = Seconds(1), all = Seconds(1 + NewTokens);
        return NewTokens / (all - reading);

        double Seconds(int tokens)
        {
            using var writer =
                new BatchWriter(frozen.Model, new GenerationRules { MaxNewTokens = tokens, BatchSize = 1 });
            long start = Stopwatch.GetTimestamp();
            writer.Generate([new GenerationPrompt(prompt, prefix)]);
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }

    private static void WriteTable(List<ScaleCell> cells)
    {
        Console.WriteLine("\n| base | settings | file | load | training tokens/s | bound | share | processor s |"
            + " written tokens/s | bound | peak memory | over the file |");
        Console.WriteLine("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach (ScaleCell cell in cells)
        {
            Console.WriteLine(Text($"| {cell.Model} billion, {cell.Type} | {cell.Settings} |")
                + Text($" {cell.FileGigabytes:F2} GB | {cell.LoadSeconds:F1} s | {cell.TokensPerSecond:F1} |")
                + Text($" {cell.BoundTokensPerSecond:F1} | {cell.TokensPerSecond / cell.BoundTokensPerSecond:P0} |")
                + Text($" {cell.ProcessorSeconds:F1} |")
                + Text($" {cell.WrittenPerSecond:F2} | {cell.WrittenBound:F1} | {cell.PeakGigabytes:F2} GB |")
                + Text($" {cell.PeakGigabytes - cell.FileGigabytes:F2} GB |"));
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>What a cell came to.</summary>
    private sealed record ScaleCell
    {
        public required string Model { get; init; }

        public required string Type { get; init; }

        /// <summary>Precision and options of the training.</summary>
        public required string Settings { get; init; }

        public required double FileGigabytes { get; init; }

        public required double LoadSeconds { get; init; }

        /// <summary>Of all cores, for the last training step: holds on a busy machine too.</summary>
        public required double ProcessorSeconds { get; init; }

        /// <summary>Of the last training step, tokens of the prefix left out.</summary>
        public required double TokensPerSecond { get; init; }

        /// <summary>The same if it were its products and its attention alone.</summary>
        public required double BoundTokensPerSecond { get; init; }

        /// <summary>Of one text, without its prompt.</summary>
        public required double WrittenPerSecond { get; init; }

        /// <summary>The same if it were one reading of the file a token alone.</summary>
        public required double WrittenBound { get; init; }

        /// <summary>Largest resident set of the process, the mapped file included.</summary>
        public required double PeakGigabytes { get; init; }

        public required double Loss { get; init; }
    }
}
