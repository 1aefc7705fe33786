using System;
using System.Diagnostics;
using System.IO;
using System.Threading.Tasks;
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
    private const int Rounds = 7, PieceBytes = 1 << 20;

    /// <summary>Measures and prints; the least of several rounds, taken in turn.</summary>
    /// <param name="path">A GGUF file of a whole model.</param>
    public static void Run(string path)
    {
        long elements = Elements(path);
        Console.WriteLine(
            $"{Path.GetFileName(path)}: {new FileInfo(path).Length / 1e6:F1} MB, {elements / 1e6:F1} M elements,"
                + $" {Environment.ProcessorCount} cores");
        Cost floor = Cost.Worst, float32 = Cost.Worst, bfloat16 = Cost.Worst;
        for (int round = 0; round < Rounds; round++)
        {
            floor = floor.Least(Measure(() => Floor(path, elements)));
            float32 = float32.Least(Measure(() => Load(path, ScalarType.Float32)));
            bfloat16 = bfloat16.Least(Measure(() => Load(path, ScalarType.BFloat16)));
        }
        Print("read file, write floats", floor, floor);
        Print("load as float32", float32, floor);
        Print("load as bfloat16", bfloat16, floor);
        using GgufModel model = GgufModel.Open(path);
        Print("content hash, first time", Measure(() => model.ContentHash()), floor);
        Print("content hash, again", Measure(() => model.ContentHash()), floor);
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

    private static void Print(string what, Cost cost, Cost floor) => Console.WriteLine(
        $"{what,-25} {cost.Wall * 1e3,7:F0} ms ({cost.Wall / floor.Wall:F2} of the floor), processor"
            + $" {cost.Processor * 1e3,7:F0} ms ({cost.Processor / floor.Processor:F2})");

    private static Cost Measure(Action action)
    {
        TimeSpan processor = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        action();
        return new Cost(Stopwatch.GetElapsedTime(start).TotalSeconds,
            (Environment.CpuUsage.TotalTime - processor).TotalSeconds);
    }

    /// <summary>Seconds on the clock, and of all cores: the second figure holds on a busy machine too.</summary>
    private readonly record struct Cost(double Wall, double Processor)
    {
        public static Cost Worst { get; } = new(double.MaxValue, double.MaxValue);

        public Cost Least(Cost other) => new(Math.Min(Wall, other.Wall), Math.Min(Processor, other.Processor));
    }
}
