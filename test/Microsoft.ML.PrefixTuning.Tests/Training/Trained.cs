using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Training;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>A training of a prefix, and the prefixes it gave.</summary>
internal sealed record Trained(TrainingOutcome Outcome, IReadOnlyList<Prefix> Prefixes, IReadOnlyList<int>? Words)
{
    public Prefix Best => Prefixes[0];

    public TrainingSummary Summary => Outcome.Summary;

    public IReadOnlyList<StepRecord> Steps => Outcome.Steps;

    public IReadOnlyList<string> Warnings => Outcome.Warnings;

    /// <summary>Trains by the gradient.</summary>
    public static Trained By(TrainingRun run, TrainedPrefix parametrization)
    {
        using var learner = new GradientLearner(run, parametrization);
        return By(learner);
    }

    /// <summary>Searches for words.</summary>
    public static Trained Search(TrainingRun run, TriggerRequest request)
    {
        using var learner = new TriggerLearner(run, request, PrefixConvention.DecoderOnly);
        return By(learner);
    }

    private static Trained By(PrefixLearner learner)
    {
        TrainingOutcome outcome = PrefixTrainer.Train(learner);
        return new Trained(outcome, learner.PrefixesOf(outcome.Kept), learner.WordsOf(outcome.Kept));
    }
}
