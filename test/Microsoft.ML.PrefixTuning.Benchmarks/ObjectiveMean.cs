using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Benchmarks;

/// <summary>What an objective is over rows, and how far a training of it is.</summary>
internal static class ObjectiveMean
{
    private const int BatchSize = 8;

    /// <summary>The mean over all target tokens.</summary>
    public static double Of(LanguageModel model, ITrainingObjective objective, IReadOnlyList<TrainingExample> rows,
        Prefix? prefix) => Sum(model, objective, rows, prefix) / rows.Sum(row => row.Target.Length);

    /// <summary>The sum over all target tokens.</summary>
    public static double Sum(LanguageModel model, ITrainingObjective objective, IReadOnlyList<TrainingExample> rows,
        Prefix? prefix)
    {
        using var noGradient = no_grad();
        using PrefixTensors? tensors = prefix is null ? null : PrefixTensors.Make(prefix, model);
        double sum = 0;
        foreach (TrainingExample[] batch in rows.Chunk(BatchSize))
        {
            using var scope = NewDisposeScope();
            TargetStates states = TargetStates.Make(model, batch, tensors?.Sites ?? SitePrefixes.None);
            sum += objective.Sum(model, states, batch);
        }
        return sum;
    }

    /// <summary>Says now and then where a training is.</summary>
    public static void Report(TrainingProgress progress)
    {
        if (progress.Step % 20 == 0 || progress.Step == progress.TotalSteps)
            Console.WriteLine($"step {progress.Step}/{progress.TotalSteps}: divergence {progress.Loss:F3},"
                + $" validation {progress.ValidationLoss:F3}, {progress.TokensPerSecond:F0} tokens/s");
    }
}
