using System;
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

    /// <summary>The base's file beside the application.</summary>
    public static string BasePath { get; } =
        Path.Combine(AppContext.BaseDirectory, "base-models", "smollm2-135m-instruct",
            "SmolLM2-135M-Instruct.Q4_1.gguf");

    /// <summary>Measures both precisions, or the one that is named, beside the machine's calibration.</summary>
    /// <param name="arguments">
    /// Rows (a JSON file whose <c>c.rows</c> have <c>prompt</c> and <c>target</c> ids), epochs to measure, precision.
    /// </param>
    public static void Measure(string[] arguments)
    {
        TrainingExample[] rows = ReadRows(arguments[0]);
        int epochs = arguments.Length > 1 ? int.Parse(arguments[1], CultureInfo.InvariantCulture) : 2;
        ScalarType[] types = arguments.Length > 2 ? [Enum.Parse<ScalarType>(arguments[2])]
            : [ScalarType.Float32, ScalarType.BFloat16];
        Calibration calibration = Calibration.Measure();
        foreach (ScalarType type in types)
        {
            (TrainingOutcome outcome, TimeSpan wall, TimeSpan processor) = Train(rows, epochs, type);
            double tokens = (double)epochs * rows.Sum(row => row.Tokens), steps =
                epochs * ((rows.Length + BatchSize - 1) / BatchSize);
            double rate = type == ScalarType.BFloat16 ? calibration.BFloat16 : calibration.Float32;
            Console.WriteLine(
                $"train {type}: {tokens / wall.TotalSeconds:F0} real tokens/s, {steps / wall.TotalSeconds:F2} steps/s,"
                + $" {processor.TotalSeconds / steps:F2} processor seconds a step, padding {outcome.PaddingShare:P1},"
                + $" {tokens / wall.TotalSeconds / rate:F2} tokens a GFLOP, peak memory"
                + $" {Process.GetCurrentProcess().PeakWorkingSet64 / 1e9:F2} GB,"
                + $" loss {outcome.Summary.StartLoss:F3} -> {outcome.Steps[^1].Loss:F3}");
        }
    }

    /// <summary>Trains one epoch unmeasured, then the wanted ones.</summary>
    private static (TrainingOutcome Outcome, TimeSpan Wall, TimeSpan Processor) Train(TrainingExample[] rows,
        int epochs, ScalarType type)
    {
        using FrozenBase frozen = FrozenBase.Load(BasePath, type, CPU);
        Prefix start = PrefixInitializer.Make(new StartRequest
        {
            Model = frozen.Model,
            Start = PrefixStart.DefaultText,
            Sites = [AttentionSite.Decoder],
            Length = PrefixLength,
            Convention = PrefixConvention.DecoderOnly,
            Text = rows[0].Source,
        });
        using var parametrization = new TrainedKeyValues(start, CPU);
        var watch = new Stopwatch();
        TimeSpan before = default;
        using var learner = new GradientLearner(new TrainingRun
        {
            Model = frozen.Model,
            Examples = rows,
            Options = new TrainingOptions { MaxEpochs = epochs + 1, BatchSize = BatchSize },
            Seed = 1,
            LearningRate = 0.02,
            Progress = progress =>
            {
                if (progress.Step != progress.TotalSteps / (epochs + 1))
                    return;
                watch.Start();
                before = Process.GetCurrentProcess().TotalProcessorTime;
            },
        }, parametrization);
        TrainingOutcome outcome = PrefixTrainer.Train(learner);
        return (outcome, watch.Elapsed, Process.GetCurrentProcess().TotalProcessorTime - before);
    }

    private static TrainingExample[] ReadRows(string path)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(path));
        return json.RootElement.GetProperty("c").GetProperty("rows").EnumerateArray()
            .Select(row => new TrainingExample(Ids(row.GetProperty("prompt")), Ids(row.GetProperty("target"))))
                .ToArray();
    }

    private static int[] Ids(JsonElement ids) => ids.EnumerateArray().Select(id => id.GetInt32()).ToArray();
}
