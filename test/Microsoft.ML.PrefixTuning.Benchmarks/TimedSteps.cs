using System;
using System.Diagnostics;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>Training steps on rows of random tokens.</summary>
internal static class TimedSteps
{
    /// <summary>Rows of random tokens, which every base here has.</summary>
    public static TrainingExample[] Rows(int count, int source, int target)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, count).Select(_ => new TrainingExample(Ids(source), Ids(target)))];

        int[] Ids(int length) => [.. Enumerable.Range(0, length).Select(_ => random.Next(1000, 30_000))];
    }

    /// <summary>A prefix of the first tokens of a text.</summary>
    public static Prefix Start(FrozenBase frozen, int[] text, int length) => PrefixInitializer.Make(new StartRequest
    {
        Model = frozen.Model,
        Start = PrefixStart.DefaultText,
        Sites = [AttentionSite.Decoder],
        Length = length,
        Convention = PrefixConvention.DecoderOnly,
        Text = text,
    });

    /// <summary>What the last step over some rows cost, and its loss; the steps before it warm up.</summary>
    public static (LoadCost Step, double Loss) LastOf(FrozenBase frozen, TrainingExample[] rows,
        TrainingOptions options, int prefixLength)
    {
        using var parametrization = new TrainedKeyValues(Start(frozen, rows[0].Source, prefixLength), CPU);
        LoadCost step = default;
        long start = Stopwatch.GetTimestamp();
        TimeSpan processor = Environment.CpuUsage.TotalTime;
        using var learner = new GradientLearner(new TrainingRun
        {
            Model = frozen.Model,
            Examples = rows,
            Options = options with { MaxEpochs = 1 },
            Seed = 1,
            LearningRate = 0.02,
            Say = Console.Error.WriteLine,
            Progress = _ =>
            {
                step = new LoadCost(Stopwatch.GetElapsedTime(start).TotalSeconds,
                    (Environment.CpuUsage.TotalTime - processor).TotalSeconds);
                (start, processor) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
            },
        }, parametrization);
        TrainingOutcome outcome = PrefixTrainer.Train(learner);
        return (step, outcome.Steps[^1].Loss);
    }
}
