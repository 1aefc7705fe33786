using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Benchmarks.Serving;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

internal static class Program
{
    // The form is null for what only another benchmark starts, as a process of its own.
    private static readonly (string Verb, string? Form, Func<string[], int> Run)[] s_benchmarks =
    [
        ("calibrate", "calibrate", _ => Done(Calibrate)),
        ("train", "train ROWS [epochs [precision]] [shared=true]", rest => Done(() => TrainBenchmark.Measure(rest))),
        ("ranks", "ranks ROWS [steps]", rest => Done(() => RanksBenchmark.Measure(rest))),
        (RanksBenchmark.CellVerb, null, RanksBenchmark.MeasureHere),
        ("memory", "memory [ROWSxTOKENS ..] [name=value ..]", rest => Done(() => MemoryBenchmark.Measure(rest))),
        (MemoryBenchmark.CellVerb, null, rest => Done(() => MemoryBenchmark.MeasureHere(rest))),
        ("scale", "scale [1.24 | 8.03] [Q4_K | Q8_0] [name=value ..]",
            rest => Done(() => ScaleBenchmark.Measure(rest))),
        (ScaleBenchmark.CellVerb, null, rest => Done(() => ScaleBenchmark.MeasureHere(rest))),
        ("quality", "quality FOLDER [seed [method [name=value ..]]]",
            rest => Done(() => QualityBenchmark.Measure(rest))),
        ("distill", "distill FOLDER", rest => Done(() => DistillBenchmark.Measure(rest))),
        ("document", "document FILE [name=value ..]", rest => Done(() => DocumentBenchmark.Measure(rest))),
        ("generate", "generate PROMPTS [rows [precision ..]] [steps=rows|whole]",
            rest => Done(() => GenerateBenchmark.Measure(rest))),
        ("prefill", "prefill [precision ..]", rest => Done(() => PrefillBenchmark.Measure(rest))),
        ("transform", "transform FOLDER [rows [precision]]", rest => Done(() => TransformBenchmark.Measure(rest))),
        ("losses", "losses FOLDER PREFIX [precision ..]", rest => Done(() => LossBenchmark.Measure(rest))),
        ("llama", "llama PROMPTS [rows [repetitions]]", rest => Done(() => LlamaBenchmark.Measure(rest))),
        ("tokenize", "tokenize TEXTS [FOLDER | file.gguf]", rest => Done(() => TokenizeBenchmark.Measure(rest))),
        ("metrics", "metrics", _ => Done(MetricsBenchmark.Measure)),
        ("load", "load [file.gguf | 1.24 | 8.03]", rest => Done(() => Load(rest))),
        ("growth", "growth FOLDER [axis ..]", rest => Done(() => GrowthBenchmark.Measure(rest))),
        (GrowthBenchmark.RowsVerb, null, rest => Done(() => GrowthBenchmark.MeasureRows(rest))),
        ("serve", "serve [short] [name=value ..]", ServeBenchmark.Measure),
    ];

    private static int Main(string[] arguments)
    {
        if (arguments is [var verb, .. var rest] && s_benchmarks.FirstOrDefault(known => known.Verb == verb).Run
            is { } run)
        {
            return run(rest);
        }
        Console.Error.WriteLine("usage: -- "
            + string.Join(" | ", s_benchmarks.Select(known => known.Form).OfType<string>()));
        return 1;
    }

    private static void Calibrate()
    {
        Calibration.Measure();
        ProductRoutes.MeasureAll();
    }

    private static void Load(string[] arguments)
    {
        ScaleModel? known = ScaleModel.All.FirstOrDefault(model => arguments is [var name] && model.Name == name);
        if (known is null && arguments is [var path])
            GgufLoadBenchmark.Run(path);
        else
            SafeTensorsLoadBenchmark.Run(known ?? ScaleModel.SmolLM2);
    }

    private static int Done(Action measure)
    {
        measure();
        return 0;
    }
}
