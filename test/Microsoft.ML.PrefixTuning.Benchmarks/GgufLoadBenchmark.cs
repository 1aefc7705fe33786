using System.IO;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Checkpoints.Gguf;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// Loading a GGUF file beside its floor in the same run: reading the file and writing as many floats into fresh memory,
/// both on all cores.
/// </summary>
internal static class GgufLoadBenchmark
{
    private const int Rounds = 7;

    /// <summary>Measures and prints; the least of several rounds, taken in turn.</summary>
    /// <param name="path">A GGUF file of a whole model.</param>
    public static void Run(string path)
    {
        long elements = Elements(path);
        LoadCost floor = LoadCost.Worst, float32 = LoadCost.Worst, bfloat16 = LoadCost.Worst;
        for (int round = 0; round < Rounds; round++)
        {
            floor = floor.Least(LoadCost.Of(() => LoadCost.Floor(path, elements)));
            float32 = float32.Least(LoadCost.Of(() => Load(path, ScalarType.Float32)));
            bfloat16 = bfloat16.Least(LoadCost.Of(() => Load(path, ScalarType.BFloat16)));
        }
        using GgufModel model = GgufModel.Open(path);
        LoadCost hash = LoadCost.Of(() => model.ContentHash()), again = LoadCost.Of(() => model.ContentHash());
        LoadCost.Print(
            $"{Path.GetFileName(path)}, {new FileInfo(path).Length / 1_000_000} MB, {elements / 1_000_000} M numbers",
            [("floor: read file, write floats", floor), ("as float32", float32), ("as bfloat16", bfloat16),
                ("content hash, first time", hash), ("content hash, again", again)]);
    }

    private static void Load(string path, ScalarType type)
    {
        using GgufModel model = GgufModel.Open(path);
        using var weights = WeightBinder.Bind(model.Spec, model.Names, model, type, CPU);
    }

    private static long Elements(string path)
    {
        using GgufFile file = GgufFile.Open(path);
        long elements = 0;
        foreach (string name in file.TensorNames)
        {
            long own = 1;
            foreach (long axis in file.Describe(name).Shape)
                own *= axis;
            elements += own;
        }
        return elements;
    }
}
