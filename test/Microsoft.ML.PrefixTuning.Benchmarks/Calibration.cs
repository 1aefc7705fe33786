using System;
using System.Diagnostics;
using System.Linq;
using System.Text.Json;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>What the machine can do at this moment: the bound that speeds are read against.</summary>
/// <param name="Float32">GFLOPS of float32 matrix products at 2048^3.</param>
/// <param name="BFloat16">GFLOPS of bfloat16 matrix products at 2048^3.</param>
/// <param name="MemoryRead">GB/s of reading memory.</param>
internal sealed record Calibration(double Float32, double BFloat16, double MemoryRead)
{
    /// <summary>Measures, printing every shape.</summary>
    public static Calibration Measure()
    {
        using var noGradient = no_grad();
        var rates = new double[2];
        foreach ((int m, int k, int n) in ((int, int, int)[])[(2048, 2048, 2048), (600, 576, 1536), (600, 576, 49152)])
        {
            double f32 = Rate(m, k, n, ScalarType.Float32), bf16 = Rate(m, k, n, ScalarType.BFloat16);
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                Threads = get_num_threads(),
                Product = $"{m} x {k} x {n}",
                Float32Gflops = f32,
                BFloat16Gflops = bf16,
            }));
            if (m == 2048)
                rates = [f32, bf16];
        }
        double read = ReadRate();
        Print(read);
        return new Calibration(rates[0], rates[1], read);
    }

    /// <summary>Threads, and how fast memory is read, as a JSON line.</summary>
    /// <param name="memoryRead">GB/s.</param>
    public static void Print(double memoryRead) => Console.WriteLine(JsonSerializer.Serialize(new
    {
        Threads = get_num_threads(),
        MemoryReadGigabytesPerSecond = memoryRead,
    }));

    private static double Rate(int m, int k, int n, ScalarType type)
    {
        using var scope = NewDisposeScope();
        Tensor x = zeros([m, k], type).fill_(0.01), weight = zeros([n, k], type).fill_(0.01);
        double seconds = Best(() => nn.functional.linear(x, weight).Dispose());
        return 2.0 * m * k * n / seconds / 1e9;
    }

    /// <summary>GB/s of reading memory.</summary>
    public static double ReadRate()
    {
        using Tensor block = zeros([1 << 28], ScalarType.Float32).fill_(1);
        return (1L << 30) / Best(() => block.sum().Dispose()) / 1e9;
    }

    private static double Best(Action action)
    {
        action();
        return Enumerable.Range(0, 7).Min(_ =>
        {
            long start = Stopwatch.GetTimestamp();
            action();
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        });
    }
}
