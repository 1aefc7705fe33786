using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// Peak memory of one training step by rows and tokens a row, a process a cell: the largest resident set of a process
/// that loads the base (SmolLM2, or another) and takes one step, and the need beside the base, as estimated before the
/// step and as measured.
/// </summary>
internal static class MemoryBenchmark
{
    /// <summary>The verb of a cell's process.</summary>
    public const string CellVerb = "memory-cell";

    private const int PrefixLength = 20;

    private static readonly string[] s_cells = ["8x64", "8x256", "2x1102", "1x2004", "4x1102"];

    /// <summary>Measures cells, one after the other: JSON lines, then a table.</summary>
    /// <param name="arguments">Cells (<c>ROWSxTOKENS</c>) and settings (<c>name=value</c>).</param>
    public static void Measure(string[] arguments)
    {
        string[] settings = arguments.Where(argument => argument.Contains('=', StringComparison.Ordinal)).ToArray();
        string[] cells = arguments.Except(settings).ToArray();
        var results = new List<MemoryCell>();
        foreach (string cell in cells.Length == 0 ? s_cells : cells)
        {
            if (CellProcess.Run(CellVerb, [cell, .. settings]) is not { } line)
                continue;
            Console.WriteLine(line);
            results.Add(JsonSerializer.Deserialize<MemoryCell>(line)!);
        }
        Console.WriteLine("\n| rows x tokens | settings | base alone | need, estimated | need, measured | off by |"
            + " peak | seconds |");
        Console.WriteLine("|---|---|---:|---:|---:|---:|---:|---:|");
        foreach (MemoryCell result in results)
        {
            double needed = result.PeakGigabytes - result.BaseGigabytes;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {result.Rows} x {result.Tokens} |")
                + string.Create(CultureInfo.InvariantCulture, $" {result.Settings} | {result.BaseGigabytes:F2} GB |")
                + string.Create(CultureInfo.InvariantCulture, $" {result.NeedGigabytes:F2} GB | {needed:F2} GB |")
                + string.Create(CultureInfo.InvariantCulture, $" {result.NeedGigabytes / needed - 1:P0} |")
                + string.Create(CultureInfo.InvariantCulture, $" {result.PeakGigabytes:F2} GB |")
                + string.Create(CultureInfo.InvariantCulture, $" {result.Seconds:F0} |"));
        }
    }

    /// <summary>One cell, in this process: its JSON line.</summary>
    /// <param name="arguments">The cell and the settings.</param>
    public static void MeasureHere(string[] arguments)
    {
        int[] shape = [.. arguments[0].Split('x').Select(part => int.Parse(part, CultureInfo.InvariantCulture))];
        var settings = MemorySettings.Parse(arguments[1..]);
        // As the command has it, unless the settings say.
        if (settings.AreBlocksReturned == true)
            NativeHeap.ReturnLargeBlocks();
        else if (settings.AreBlocksReturned is null)
            NativeHeap.OfferLargeBlocks();
        using FrozenBase frozen = FrozenBase.Load(settings.Base, settings.Form, CPU);
        // A fifth of a row is its target.
        TrainingExample[] rows = TimedSteps.Rows(shape[0], shape[1] - shape[1] / 5, shape[1] / 5,
            frozen.Model.Spec.VocabularySize);
        using var parametrization =
            new TrainedKeyValues(TimedSteps.Start(frozen, rows[0].Source, PrefixLength), CPU);
        double before = CellProcess.Resident();
        var watch = Stopwatch.StartNew();
        var run = new TrainingRun
        {
            Model = frozen.Model,
            Examples = rows,
            Options = settings.Options with { MaxSteps = 1, BatchSize = rows.Length },
            Seed = 1,
            LearningRate = 0.02,
            FreeMemory = AvailableMemory.Bytes,
            Blocks = LargeBlocks.OfProcess,
            Say = Console.Error.WriteLine,
        };
        using var learner = new GradientLearner(run, parametrization);
        var plan = new TrainingPlan(run);
        learner.Prepare(plan);
        StepRecord step = learner.Take(plan, 0, 0).Record;
        var memory = new PassMemory(frozen.Model.Spec, frozen.Model.Type, PrefixLength, frozen.Model.IsStored,
            LargeBlocks.OfProcess.AreReturned);
        double estimate = BatchPlan.Passes(rows, settings.Options.MaxTokensPerPass)
            .Max(pass => memory.Of(pass, learner.Recomputes == true));
        Console.WriteLine(JsonSerializer.Serialize(new MemoryCell(shape[0], shape[1], settings.Text, before,
            estimate / 1e9, CellProcess.Peak(), watch.Elapsed.TotalSeconds, step.Loss, step.GradientNorm)));
    }

    /// <summary>What a cell came to.</summary>
    /// <param name="Rows">Rows of the batch.</param>
    /// <param name="Tokens">Tokens a row, source and target.</param>
    /// <param name="Settings">Precision and options.</param>
    /// <param name="BaseGigabytes">Resident with the base loaded, before training.</param>
    /// <param name="NeedGigabytes">What the largest pass is told to need beside it, before the first step.</param>
    /// <param name="PeakGigabytes">Largest resident set of the process.</param>
    /// <param name="Seconds">The step.</param>
    /// <param name="Loss">Loss of the step.</param>
    /// <param name="Norm">Norm of its gradient.</param>
    private sealed record MemoryCell(int Rows, int Tokens, string Settings, double BaseGigabytes,
        double NeedGigabytes, double PeakGigabytes, double Seconds, double Loss, double Norm);
}

/// <summary>Base, precision and training options of a memory benchmark.</summary>
/// <param name="Text">As given.</param>
/// <param name="Base">File or folder of the base.</param>
/// <param name="Form">Precision.</param>
/// <param name="Options">Options.</param>
/// <param name="AreBlocksReturned">
/// Whether large blocks of memory go back to the system from the start, or never; null for where layers are run twice.
/// </param>
internal sealed record MemorySettings(string Text, string Base, BaseForm Form, TrainingOptions Options,
    bool? AreBlocksReturned = null)
{
    /// <summary>Reads <c>name=value</c>.</summary>
    public static MemorySettings Parse(string[] settings)
    {
        var parsed = new MemorySettings(string.Join(' ', settings), TrainBenchmark.BasePath, ScalarType.Float32,
            new TrainingOptions());
        foreach (string setting in settings)
        {
            string[] parts = setting.Split('=', 2);
            parsed = parts[0] switch
            {
                "base" => parsed with { Base = parts[1] },
                "precision" => parsed with { Form = BaseForms.Of(parts[1]) },
                "tokens" => parsed with { Options = parsed.Options with { MaxTokensPerPass = Number(parts[1]) } },
                "recompute" => parsed with
                {
                    Options = parsed.Options with { Recompute = Enum.Parse<Recomputation>(parts[1], ignoreCase: true) },
                },
                "blocks" => parsed with { AreBlocksReturned = IsReturned(parts[1]) },
                _ => throw new ArgumentException(
                    $"memory: expected base=, precision=, tokens=, recompute= or blocks=, found '{setting}'."),
            };
        }
        return parsed;

        static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

        static bool IsReturned(string text) => text is "returned" or "kept" ? text == "returned"
            : throw new ArgumentException($"memory: blocks: expected returned or kept, found '{text}'.");
    }
}
