using System;
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
        Console.WriteLine(
            $"{Path.GetFileName(path)}: {new FileInfo(path).Length / 1e6:F1} MB, {elements / 1e6:F1} M elements,"
                + $" {Environment.ProcessorCount} cores");
        LoadCost floor = LoadCost.Worst, float32 = LoadCost.Worst, bfloat16 = LoadCost.Worst;
        for (int round = 0; round < Rounds; round++)
        {
            floor = floor.Least(LoadCost.Of(() => LoadCost.Floor(path, elements)));
            float32 = float32.Least(LoadCost.Of(() => Load(path, ScalarType.Float32)));
            bfloat16 = bfloat16.Least(LoadCost.Of(() => Load(path, ScalarType.BFloat16)));
        }
        Print("read file, write floats", floor, floor);
        Print("load as float32", float32, floor);
        Print("load as bfloat16", bfloat16, floor);
        using GgufModel model = GgufModel.Open(path);
        Print("content hash, first time", LoadCost.Of(() => model.ContentHash()), floor);
        Print("content hash, again", LoadCost.Of(() => model.ContentHash()), floor);
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

    private static void Print(string what, LoadCost cost, LoadCost floor) => Console.WriteLine(
        $"{what,-25} {cost.Wall * 1e3,7:F0} ms ({cost.Wall / floor.Wall:F2} of the floor), processor"
            + $" {cost.Processor * 1e3,7:F0} ms ({cost.Processor / floor.Processor:F2})");
}
