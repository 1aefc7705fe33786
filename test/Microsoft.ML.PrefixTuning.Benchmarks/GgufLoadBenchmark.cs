using System;
using System.Diagnostics;
using System.IO;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Checkpoints;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// Loading a GGUF file beside its floor in the same run: reading the file and writing as many floats into fresh memory,
/// both on all cores.
/// </summary>
internal static class GgufLoadBenchmark
{
    private const int Rounds = 7, PieceBytes = 1 << 20;

    /// <summary>Measures and prints; the least of several rounds, taken in turn.</summary>
    /// <param name="path">A GGUF file of a whole model.</param>
    public static void Run(string path)
    {
        long elements = Elements(path);
        Console.WriteLine($"{Path.GetFileName(path)}: {new FileInfo(path).Length / 1e6:F1} MB, {elements / 1e6:F1} M elements, {Environment.ProcessorCount} cores");
        double floor = double.MaxValue, float32 = double.MaxValue, bfloat16 = double.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            floor = Math.Min(floor, Seconds(() => Floor(path, elements)));
            float32 = Math.Min(float32, Seconds(() => Load(path, ScalarType.Float32)));
            bfloat16 = Math.Min(bfloat16, Seconds(() => Load(path, ScalarType.BFloat16)));
        }
        Console.WriteLine($"read file, write floats   {floor * 1e3,7:F0} ms");
        Console.WriteLine($"load as float32           {float32 * 1e3,7:F0} ms   {float32 / floor:F2} of it");
        Console.WriteLine($"load as bfloat16          {bfloat16 * 1e3,7:F0} ms   {bfloat16 / floor:F2} of it");
        using GgufModel model = GgufModel.Open(path);
        Console.WriteLine($"content hash, first time  {Seconds(() => model.ContentHash()) * 1e3,7:F0} ms");
        Console.WriteLine($"content hash, again       {Seconds(() => model.ContentHash()) * 1e3,7:F0} ms");
    }

    private static void Floor(string path, long elements)
    {
        using (var file = File.OpenHandle(path))
        {
            long length = RandomAccess.GetLength(file);
            Parallel.For(0, (length - 1) / PieceBytes + 1, () => new byte[PieceBytes], (piece, _, buffer) =>
            {
                RandomAccess.Read(file, buffer, piece * PieceBytes);
                return buffer;
            }, _ => { });
        }
        using Tensor fresh = empty([elements], ScalarType.Float32);
        Parallel.For(0, (elements - 1) / PieceBytes + 1, piece =>
        {
            long begin = piece * PieceBytes;
            using Tensor part = fresh.narrow(0, begin, Math.Min(PieceBytes, elements - begin));
            part.bytes.Fill(1);
        });
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

    private static double Seconds(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
