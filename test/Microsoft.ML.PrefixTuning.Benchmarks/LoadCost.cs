using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Text.Json;
using System.Threading.Tasks;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>Seconds on the clock, and of all cores: the second figure holds on a busy machine too.</summary>
internal readonly record struct LoadCost(double Wall, double Processor)
{
    private const int PieceBytes = 1 << 20;

    public static LoadCost Worst { get; } = new(double.MaxValue, double.MaxValue);

    public LoadCost Least(LoadCost other) =>
        new(Math.Min(Wall, other.Wall), Math.Min(Processor, other.Processor));

    public static LoadCost Of(Action action)
    {
        TimeSpan processor = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        action();
        return new LoadCost(Stopwatch.GetElapsedTime(start).TotalSeconds,
            (Environment.CpuUsage.TotalTime - processor).TotalSeconds);
    }

    /// <summary>Writes JSON lines and a table, against the first one, which is the floor.</summary>
    /// <param name="name">What is loaded.</param>
    /// <param name="costs">What was measured.</param>
    public static void Print(string name, IReadOnlyList<(string What, LoadCost Cost)> costs)
    {
        LoadCost floor = costs[0].Cost;
        foreach ((string what, LoadCost cost) in costs)
        {
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                Name = name,
                What = what,
                Seconds = cost.Wall,
                ProcessorSeconds = cost.Processor,
                OfFloor = cost.Wall / floor.Wall,
            }));
        }
        Console.WriteLine($"\n| {name} | s | against the floor | processor s |");
        Console.WriteLine("|---|---:|---:|---:|");
        foreach ((string what, LoadCost cost) in costs)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {what} | {cost.Wall:F3} |")
                + string.Create(CultureInfo.InvariantCulture,
                    $" {cost.Wall / floor.Wall:F2} | {cost.Processor:F3} |"));
        }
    }

    /// <summary>
    /// The floor of every loading: reading a file and writing as many floats into fresh memory, both on all cores.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="elements">Floats.</param>
    public static void Floor(string path, long elements)
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
}
