using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>
/// Training in several processes over MPI: ranks times threads on the same steps of 16 rows, what of the time is
/// waiting for the slowest and what is gathering, and what that would be on more machines.
/// </summary>
internal static class RanksBenchmark
{
    /// <summary>The verb of a rank.</summary>
    public const string CellVerb = "ranks-cell";

    private const int BatchSize = 4, Batches = 4, Warmup = 2;

    // Of the network that the model of more machines has: 10 Gb/s, and a round trip within a rack.
    private const double Bandwidth = 1.25e9, Latency = 50e-6;

    private static readonly (int Ranks, int Threads)[] Cells =
        [(1, 1), (1, 2), (2, 1), (1, 4), (2, 2), (4, 1)];

    /// <summary>Measures all cells with no more threads than the machine has, one after the other, twice.</summary>
    /// <param name="arguments">Rows as those of <c>train</c>; steps, 10 where they are left out.</param>
    public static void Measure(string[] arguments)
    {
        int steps = arguments.Length > 1 ? int.Parse(arguments[1], CultureInfo.InvariantCulture) : 10;
        var results = new List<RankResult>();
        int cores = Environment.ProcessorCount;
        foreach ((int ranks, int threads) in Cells.Where(cell => cell.Ranks * cell.Threads <= cores))
        {
            // In turn, so that what else the machine does falls on all.
            RankResult[] rounds = [.. Enumerable.Range(0, 2).Select(_ => Run(ranks, threads, arguments[0], steps))];
            RankResult best = rounds.MinBy(result => result.Seconds)!;
            Console.WriteLine(JsonSerializer.Serialize(best));
            results.Add(best);
        }
        WriteTable(results);
        WriteModel(results);
    }

    /// <summary>Trains as one rank; the first one prints what it measured.</summary>
    public static int MeasureHere(string[] arguments) => MpiWorkers.Run(workers =>
    {
        var timed = new TimedWorkers(workers);
        RankResult result = Train(timed, TrainBenchmark.ReadRows(arguments[0]),
            int.Parse(arguments[1], CultureInfo.InvariantCulture));
        if (workers.IsFirst)
            Console.WriteLine(JsonSerializer.Serialize(result));
        return 0;
    });

    private static RankResult Run(int ranks, int threads, string rows, int steps)
    {
        var start = new ProcessStartInfo("mpirun") { RedirectStandardOutput = true };
        start.Environment["OMP_NUM_THREADS"] = $"{threads}";
        // mpirun gives its processes a terminal, which .NET would greet.
        start.Environment["TERM"] = "dumb";
        foreach (string argument in (string[])["-n", $"{ranks}", "--bind-to", "none", Environment.ProcessPath!])
            start.ArgumentList.Add(argument);
        if (!Environment.ProcessPath!.Contains("Benchmarks", StringComparison.Ordinal))
            start.ArgumentList.Add(typeof(RanksBenchmark).Assembly.Location);
        foreach (string argument in (string[])[CellVerb, rows, $"{steps}"])
            start.ArgumentList.Add(argument);
        using Process child = Process.Start(start)!;
        string output = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        string? line = output.Split('\n').LastOrDefault(line => line.Contains('{', StringComparison.Ordinal));
        return line is not null ? JsonSerializer.Deserialize<RankResult>(line[line.IndexOf('{')..])!
            : throw new InvalidOperationException($"{ranks} ranks ended with {child.ExitCode}: {output}");
    }

    private static RankResult Train(TimedWorkers workers, TrainingExample[] rows, int steps)
    {
        using FrozenBase frozen = FrozenBase.Load(TrainBenchmark.BasePath, ScalarType.Float32, CPU);
        using var parametrization = new TrainedKeyValues(TrainBenchmark.Start(frozen, rows), CPU);
        var watch = new Stopwatch();
        using var learner = new GradientLearner(new TrainingRun
        {
            Model = frozen.Model,
            Examples = rows,
            Options = new TrainingOptions
            {
                MaxSteps = steps + Warmup,
                MaxEpochs = steps + Warmup,
                BatchSize = BatchSize,
                GradientAccumulation = Batches,
                Workers = workers,
            },
            Seed = 1,
            LearningRate = 0.02,
            Progress = progress =>
            {
                if (progress.Step == Warmup)
                {
                    workers.Reset();
                    watch.Start();
                }
                else if (progress.Step == progress.TotalSteps)
                    watch.Stop();
            },
        }, parametrization);
        PrefixTrainer.Train(learner);
        return new RankResult(workers.Count, get_num_threads(), watch.Elapsed.TotalSeconds / steps,
            workers.Waiting / steps, workers.Gathering / steps, workers.Bytes / steps);
    }

    private static void WriteTable(List<RankResult> results)
    {
        Console.WriteLine("\n| ranks | threads | s a step | of 1 x 1 | waiting | gather | share of gather |");
        Console.WriteLine("|---:|---:|---:|---:|---:|---:|---:|");
        foreach (RankResult result in results)
        {
            double gain = results[0].Seconds / result.Seconds;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {result.Ranks} | {result.Threads} | {result.Seconds:F3} | {gain:F2}x |")
                + string.Create(CultureInfo.InvariantCulture,
                    $" {1e3 * result.Waiting:F1} ms | {1e3 * result.Gathering:F2} ms |")
                + string.Create(CultureInfo.InvariantCulture, $" {result.Gathering / result.Seconds:P2} |"));
        }
    }

    /// <summary>
    /// As many rows a rank on machines with a network between them: each rank gets what all others have.
    /// </summary>
    private static void WriteModel(List<RankResult> results)
    {
        double bytes = results[0].Bytes / Batches, work = results[0].Seconds / Batches;
        double copied = results.Max(result => result.Gathering / Math.Max(1, result.Bytes * result.Ranks));
        Console.WriteLine($"\nModelled, a batch of {BatchSize} rows a rank and step, one rank a machine, 10 Gb/s:");
        Console.WriteLine("| ranks | s a step | gather | share |\n|---:|---:|---:|---:|");
        for (int ranks = 1; ranks <= 64; ranks *= 2)
        {
            double gather = Latency * Math.Log2(ranks) + bytes * (ranks - 1) / Bandwidth + copied * bytes * ranks;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {ranks} | {work + gather:F3} | {1e3 * gather:F1} ms | {gather / (work + gather):P1} |"));
        }
    }

    /// <summary>What a cell came to, a step.</summary>
    /// <param name="Ranks">Processes.</param>
    /// <param name="Threads">Threads of each.</param>
    /// <param name="Seconds">Time.</param>
    /// <param name="Waiting">Seconds until all had come to a gather, as the first one waited.</param>
    /// <param name="Gathering">Seconds of the gathers themselves.</param>
    /// <param name="Bytes">Bytes that a rank gave.</param>
    private sealed record RankResult(int Ranks, int Threads, double Seconds, double Waiting, double Gathering,
        double Bytes);

    /// <summary>Workers that are timed; what is waited for is told from what travels.</summary>
    private sealed class TimedWorkers(TrainingWorkers workers) : TrainingWorkers
    {
        private readonly Stopwatch _waiting = new();
        private readonly Stopwatch _gathering = new();

        public override int Rank => workers.Rank;

        public override int Count => workers.Count;

        public double Waiting => _waiting.Elapsed.TotalSeconds;

        public double Gathering => _gathering.Elapsed.TotalSeconds;

        public double Bytes { get; private set; }

        public void Reset()
        {
            _waiting.Reset();
            _gathering.Reset();
            Bytes = 0;
        }

        public override void Gather(ReadOnlySpan<byte> own, Span<byte> all)
        {
            _waiting.Start();
            workers.Gather([0], stackalloc byte[workers.Count]);
            _waiting.Stop();
            _gathering.Start();
            workers.Gather(own, all);
            _gathering.Stop();
            Bytes += own.Length;
        }

        public override void Broadcast(Span<byte> content) => workers.Broadcast(content);
    }
}
