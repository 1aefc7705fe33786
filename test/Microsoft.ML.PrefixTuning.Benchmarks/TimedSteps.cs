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
    private const int MostTokens = 30_000;

    /// <summary>Rows of random tokens.</summary>
    /// <param name="count">How many.</param>
    /// <param name="source">Tokens of a source.</param>
    /// <param name="target">Tokens of a target.</param>
    /// <param name="vocabulary">Tokens of the base; most have as many as are used at most.</param>
    public static TrainingExample[] Rows(int count, int source, int target, int vocabulary = MostTokens)
    {
        int most = Math.Min(vocabulary, MostTokens);
        var random = new Random(1);
        return [.. Enumerable.Range(0, count).Select(_ => new TrainingExample(Ids(source), Ids(target)))];

        // The first ones are those that mean something.
        int[] Ids(int length) =>
            [.. Enumerable.Range(0, length).Select(_ => random.Next(1000 * most / MostTokens, most))];
    }

    /// <summary>
    /// A prefix of the first tokens of a text; where there is an encoder, random numbers at every site.
    /// </summary>
    public static Prefix Start(FrozenBase frozen, int[] text, int length)
    {
        bool both = frozen.Model.Spec.IsEncoderDecoder;
        return PrefixInitializer.Make(new StartRequest
        {
            Model = frozen.Model,
            Start = both ? PrefixStart.Random(0.5) : PrefixStart.DefaultText,
            Sites = both ? Enum.GetValues<AttentionSite>() : [AttentionSite.Decoder],
            Length = length,
            Convention = both ? PrefixConvention.EncoderDecoder : PrefixConvention.DecoderOnly,
            Text = text,
        });
    }

    /// <summary>
    /// What the last step over some rows cost, its loss, and whether layers were run twice; the steps before it warm
    /// up.
    /// </summary>
    public static (LoadCost Step, double Loss, bool Recomputed) LastOf(FrozenBase frozen, TrainingExample[] rows,
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
        return (step, outcome.Steps[^1].Loss, outcome.Summary.Recomputed == true);
    }
}
