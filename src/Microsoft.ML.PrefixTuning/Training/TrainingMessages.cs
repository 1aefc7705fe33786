using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>What a training tells its user, in sentences.</summary>
internal static class TrainingMessages
{
    /// <summary>Why no step was any good.</summary>
    public static string Failure(TrainingState state, TrainingPlan plan)
    {
        int last = state.Steps.Count - 1;
        StepRecord step = state.Steps[last];
        IEnumerable<long> rows = plan.Rows(last).SelectMany(batch => batch).Select(row => row.Row + 1);
        return Text($"Training failed: step {last + 1} is not finite (loss {step.Loss}, gradient norm")
            + Text($" {step.GradientNorm}), as every step before it; learning rate {step.LearningRate}, rows")
            + Text($" {string.Join(", ", rows)} (the first is 1).")
            + " Expected a finite loss: look at these rows, or lower TrainingOptions.LearningRate.";
    }

    /// <summary>Why rows cannot be worked on at once.</summary>
    public static string Memory(IReadOnlyList<TrainingExample> rows, TrainingOptions options, Exception fault)
    {
        TrainingExample longest = rows.MaxBy(row => row.Tokens)!;
        return $"{longest.Place}: memory does not suffice for its {longest.Tokens} tokens, the longest of the"
            + $" {rows.Count} rows that are worked on ({MemoryFault.Reason(fault)}). Lower TrainingOptions.BatchSize"
            + $" (now {options.BatchSize}) or TrainingOptions.MaxTokensPerPass (now {options.MaxTokensPerPass}), or"
            + " shorten the row.";
    }

    /// <summary>What a user should know before the first step.</summary>
    public static IEnumerable<string> Cautions(Learner learner, TrainingPlan plan)
    {
        // What a search moves has no learning rate.
        if (learner.Parameters.Count > 0 && learner.Run.Options.WarmupSteps >= plan.TotalSteps && plan.TotalSteps > 0)
        {
            yield return $"TrainingOptions.WarmupSteps is {learner.Run.Options.WarmupSteps} and training has"
                + $" {plan.TotalSteps} steps: the learning rate never reaches its highest value.";
        }
        int workers = learner.Run.Share.Count;
        // A search shares out the words that it tries.
        if (learner.Parameters.Count > 0 && workers > 1 && plan.TotalSteps > 0
            && plan.Rows(0).Count is var passes && passes < workers)
        {
            yield return $"A step has {passes} forward passes for {workers} workers, some of which have"
                + " nothing to do: with a TrainingOptions.GradientAccumulation that the number of workers divides, and"
                + " a BatchSize as much smaller, a step has the same rows.";
        }
    }

    /// <summary>What a user should know of a training that ended.</summary>
    /// <param name="run">The run.</param>
    /// <param name="state">Where it ended.</param>
    /// <param name="end">Why it ended.</param>
    /// <param name="kept">Loss of what is given, over the rows at which start and base were measured.</param>
    public static IEnumerable<string> Findings(TrainingRun run, TrainingState state, TrainingEnd end, double kept)
    {
        if (state.StartLoss > state.BaseLoss)
        {
            yield return Text($"The starting prefix makes the base worse: loss {state.StartLoss:F3} with it,")
                + Text($" {state.BaseLoss:F3} without. {run.StartAdvice}");
        }
        int failed = state.Steps.Count(step => step.Failed);
        if (failed > 0)
        {
            yield return $"{failed} of {CountText.Of(state.Steps.Count, "step")} changed nothing, for loss or gradient"
                + " was not finite.";
        }
        if (end == TrainingEnd.Diverged)
        {
            string failure = run.Options.MaxFailedSteps == 1 ? "it was not finite"
                : $"{run.Options.MaxFailedSteps} steps in a row were not finite";
            yield return $"Training stopped after step {state.Steps.Count}, for {failure}; the best prefix is that of"
                + $" step {state.BestStep}.";
        }
        if (state.Steps.Count > 0 && state.BestStep == 0)
        {
            yield return $"None of {CountText.Of(state.Steps.Count, "step")} gave a lower loss than the start: what is"
                + " kept is the start. A lower TrainingOptions.LearningRate or more rows may help.";
        }
        if (state.Steps.Count > 0 && kept > state.BaseLoss)
        {
            yield return Text($"The kept prefix is worse than the base alone: loss {kept:F3} with it,")
                + Text($" {state.BaseLoss:F3} without.");
        }
    }

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
