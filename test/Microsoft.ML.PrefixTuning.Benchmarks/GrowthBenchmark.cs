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
/// How cost grows: time of a training step, of reading and of writing over the prefix length, the rows of a batch, the
/// length of a source and the size of the base, and time and memory of preparing a training over its rows. All in
/// float32; a plot an axis.
/// </summary>
internal static class GrowthBenchmark
{
    /// <summary>The verb of a process that prepares a training of some rows.</summary>
    public const string RowsVerb = "growth-rows";

    private const int Rows = 8, Source = 48, Target = 16, PrefixLength = 20, NewTokens = 16, Repetitions = 3;

    private static readonly (string Name, string Unit, Func<IEnumerable<GrowthPoint>> Measure)[] s_axes =
    [
        ("prefix-length", "tokens of the prefix (8 rows of 64 tokens)", OverPrefixLengths),
        ("batch", "rows of a batch (64 tokens each)", OverBatches),
        ("source", "tokens of the source (one row)", OverSources),
        ("base", "million numbers of the base (8 rows of 64 tokens)", OverBases),
        ("rows", "training rows, prepared for the first step", OverRows),
    ];

    /// <summary>Measures: a JSON line a point, then a table and a plot an axis.</summary>
    /// <param name="arguments">Folder of the plots, then names of axes (default all).</param>
    public static void Measure(string[] arguments)
    {
        string[] chosen = arguments[1..];
        if (chosen.Except(s_axes.Select(axis => axis.Name)).FirstOrDefault() is { } unknown)
        {
            throw new ArgumentException(
                $"growth: expected {string.Join(", ", s_axes.Select(axis => axis.Name))}, found '{unknown}'.");
        }
        Directory.CreateDirectory(arguments[0]);
        foreach ((string name, string unit, var measure) in s_axes)
        {
            if (chosen.Length > 0 && !chosen.Contains(name))
                continue;
            var points = new List<GrowthPoint>();
            foreach (GrowthPoint point in measure())
            {
                Console.WriteLine($"{{\"axis\":\"{name}\",\"point\":{JsonSerializer.Serialize(point)}}}");
                points.Add(point);
            }
            Console.WriteLine($"\n{GrowthPlot.Table(unit, points)}");
            File.WriteAllText(Path.Combine(arguments[0], $"growth-{name}.svg"), GrowthPlot.Draw(unit, points));
        }
    }

    /// <summary>Prepares a training of so many rows and takes one step, in this process: its JSON line.</summary>
    public static void MeasureRows(string[] arguments)
    {
        int count = int.Parse(arguments[0], CultureInfo.InvariantCulture);
        var mlContext = new MLContext(seed: 1);
        var random = new Random(1);
        IDataView rows = mlContext.Data.LoadFromEnumerable(Enumerable.Range(0, count).Select(row => new
        {
            Facts = $"name : The Mill {row} | Type : pub | food : English | price : £{random.Next(100)}"
                + $" | near : Café {row % 97}",
            Text = $"The Mill {row} is a pub near Café {row % 97} with English food at some £{random.Next(100)} .",
        }).ToArray());
        double before = CellProcess.Resident();
        long start = Stopwatch.GetTimestamp();
        double first = 0;
        using PrefixTuningTransformer model = mlContext.Transforms.Text.PrefixTune("Output", "Facts", "Text",
            SmolLM2.Instruct135M, new PrefixTuningOptions
            {
                Prefix = new PrefixOptions { Length = PrefixLength },
                Training = new TrainingOptions
                {
                    MaxSteps = 1,
                    BatchSize = 1,
                    ValidationFraction = 0,
                    Seed = 1,
                    Progress = _ => first = Stopwatch.GetElapsedTime(start).TotalSeconds,
                },
            }).Fit(rows);
        Console.WriteLine(JsonSerializer.Serialize(new GrowthPoint(count, new Dictionary<string, double>
        {
            ["seconds to the end of the first step"] = first,
            ["gigabytes of memory"] = CellProcess.Peak() - before,
        })));
    }

    private static IEnumerable<GrowthPoint> OverPrefixLengths()
    {
        using FrozenBase frozen = FrozenBase.Load(TrainBenchmark.BasePath, ScalarType.Float32, CPU);
        foreach (int length in (int[])[0, 1, 20, 50, 100, 150, 200])
        {
            yield return new GrowthPoint(length, Figures(
                ("a training step", length == 0 ? null : () => Step(frozen, Rows, Source, length)),
                ("a written token of every row", () => Written(frozen, Rows, length))));
        }
    }

    private static IEnumerable<GrowthPoint> OverBatches()
    {
        using FrozenBase frozen = FrozenBase.Load(TrainBenchmark.BasePath, ScalarType.Float32, CPU);
        foreach (int rows in (int[])[1, 2, 4, 8, 16, 32, 64])
        {
            yield return new GrowthPoint(rows, Figures(
                ("a training step", () => Step(frozen, rows, Source, PrefixLength)),
                ("a written token of every row", () => Written(frozen, rows, PrefixLength))));
        }
    }

    private static IEnumerable<GrowthPoint> OverSources()
    {
        using FrozenBase frozen = FrozenBase.Load(TrainBenchmark.BasePath, ScalarType.Float32, CPU);
        foreach (int tokens in (int[])[64, 128, 256, 512, 1024, 1984])
        {
            yield return new GrowthPoint(tokens, Figures(
                ("a training step", () => Step(frozen, 1, tokens, PrefixLength)),
                ("reading", () => Read(frozen, tokens))));
        }
    }

    private static IEnumerable<GrowthPoint> OverBases()
    {
        foreach (ScaleModel model in ScaleModel.Sizes)
        {
            string file = Path.Combine(Path.GetTempPath(), $"growth-{model.Name}.gguf");
            try
            {
                model.Write(file, ScaleType.All.Single(type => type.Name == "Q8_0"));
                using FrozenBase frozen = FrozenBase.Load(file, ScalarType.Float32, CPU);
                yield return new GrowthPoint(model.Numbers / 1e6, Figures(
                    ("a training step", () => Step(frozen, Rows, Source, PrefixLength)),
                    ("a written token of every row", () => Written(frozen, Rows, PrefixLength))));
            }
            finally
            {
                File.Delete(file);
            }
        }
    }

    private static IEnumerable<GrowthPoint> OverRows()
    {
        foreach (int rows in (int[])[100, 1_000, 10_000, 100_000])
        {
            if (CellProcess.Run(RowsVerb, rows.ToString(CultureInfo.InvariantCulture)) is { } line)
                yield return JsonSerializer.Deserialize<GrowthPoint>(line.Split('\n')[^1])!;
        }
    }

    private static Dictionary<string, double> Figures(params (string Name, Func<double>? Measure)[] figures) =>
        figures.Where(figure => figure.Measure is not null)
            .ToDictionary(figure => $"seconds of {figure.Name}", figure => figure.Measure!());

    private static double Step(FrozenBase frozen, int rows, int source, int prefixLength) =>
        Enumerable.Range(0, Repetitions).Min(_ => TimedSteps.LastOf(frozen, TimedSteps.Rows(2 * rows, source, Target),
            new TrainingOptions { BatchSize = rows }, prefixLength).Step.Wall);

    private static double Read(FrozenBase frozen, int tokens) => Write(frozen, 1, tokens, PrefixLength, 1);

    /// <summary>A token of every row: what all new tokens cost less what the first one does.</summary>
    private static double Written(FrozenBase frozen, int rows, int prefixLength) =>
        (Write(frozen, rows, Source, prefixLength, 1 + NewTokens) - Write(frozen, rows, Source, prefixLength, 1))
            / NewTokens;

    private static double Write(FrozenBase frozen, int rows, int source, int prefixLength, int newTokens)
    {
        int[][] sources = [.. TimedSteps.Rows(rows, source, 1).Select(row => row.Source)];
        using PrefixTensors? prefix = prefixLength == 0 ? null
            : PrefixTensors.Make(TimedSteps.Start(frozen, sources[0], prefixLength), frozen.Model);
        using var writer = new BatchWriter(frozen.Model,
            new GenerationRules { MaxNewTokens = newTokens, BatchSize = rows });
        GenerationPrompt[] prompts = [.. sources.Select(ids => new GenerationPrompt(ids, prefix))];
        writer.Generate(prompts);
        return Enumerable.Range(0, Repetitions).Min(_ => LoadCost.Of(() => writer.Generate(prompts)).Wall);
    }
}

/// <summary>What something costs at a place of an axis.</summary>
/// <param name="X">The place.</param>
/// <param name="Figures">Figures by name.</param>
internal sealed record GrowthPoint(double X, IReadOnlyDictionary<string, double> Figures);
