using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Benchmarks.Serving;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

internal static class Program
{
    private static int Main(string[] arguments)
    {
        string[] rest = arguments is [_, .. var further] ? further : [];
        switch (arguments is [var first, ..] ? first : "")
        {
            case "calibrate":
                Calibration.Measure();
                ProductRoutes.MeasureAll();
                return 0;
            case "train":
                TrainBenchmark.Measure(rest);
                return 0;
            case "ranks":
                RanksBenchmark.Measure(rest);
                return 0;
            case RanksBenchmark.CellVerb:
                return RanksBenchmark.MeasureHere(rest);
            case "memory":
                MemoryBenchmark.Measure(rest);
                return 0;
            case MemoryBenchmark.CellVerb:
                MemoryBenchmark.MeasureHere(rest);
                return 0;
            case "scale":
                ScaleBenchmark.Measure(rest);
                return 0;
            case ScaleBenchmark.CellVerb:
                ScaleBenchmark.MeasureHere(rest);
                return 0;
            case "quality":
                QualityBenchmark.Measure(rest);
                return 0;
            case "distill":
                DistillBenchmark.Measure(rest);
                return 0;
            case "generate":
                GenerateBenchmark.Measure(rest);
                return 0;
            case "llama":
                LlamaBenchmark.Measure(rest);
                return 0;
            case "serve":
                return ServeBenchmark.Measure(rest);
            case "prefill":
                PrefillBenchmark.Measure(rest);
                return 0;
            case "transform":
                TransformBenchmark.Measure(rest);
                return 0;
            case "losses":
                LossBenchmark.Measure(rest);
                return 0;
            case "metrics":
                MetricsBenchmark.Measure();
                return 0;
            case "load" when rest is [var path] && ScaleModel.All.FirstOrDefault(model => model.Name == path) is null:
                GgufLoadBenchmark.Run(path);
                return 0;
            case "load":
                SafeTensorsLoadBenchmark.Run(ScaleModel.All.FirstOrDefault(model => rest is [var name]
                    && model.Name == name) ?? ScaleModel.SmolLM2);
                return 0;
            default:
                Console.Error.WriteLine(
                    "usage: -- calibrate | train ROWS | ranks ROWS [steps]"
                        + " | memory [ROWSxTOKENS ..] [name=value ..] | scale"
                        + " [1.24 | 8.03] [Q4_K | Q8_0] [name=value ..] | quality FOLDER [seed [method"
                        + " [name=value ..]]] | distill FOLDER | generate PROMPTS [rows"
                        + " [precision ..]] | prefill [precision ..] | transform FOLDER [rows [precision]] | losses"
                        + " FOLDER PREFIX [precision ..] | llama PROMPTS"
                        + " [rows [repetitions]] | metrics | load [file.gguf | 1.24 | 8.03]"
                        + " | serve [short] [name=value ..]");
                return 1;
        }
    }
}
