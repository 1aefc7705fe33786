using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>What a training tells its user, in sentences.</summary>
internal static class TrainingMessages
{
    /// <summary>Why no step was any good.</summary>
    public static string Failure(TrainingState state, TrainingPlan plan)
    {
        int last = state.Steps.Count - 1;
        StepRecord step = state.Steps[last];
        IEnumerable<long> rows = plan.Rows(last).SelectMany(batch => batch).Select(row => row.Row);
        return $"Training failed: step {last + 1} is not finite (loss {step.Loss}, gradient norm {step.GradientNorm}),"
            + $" as every step before it; learning rate {step.LearningRate}, rows {string.Join(", ", rows)}."
            + " Expected a finite loss: look at these rows, or lower TrainingOptions.LearningRate.";
    }

    /// <summary>What a user should know of a training that ended.</summary>
    public static IEnumerable<string> Findings(TrainingState state, TrainingEnd end, int maxFailedSteps)
    {
        if (state.StartLoss > state.BaseLoss)
        {
            yield return $"The starting prefix makes the base worse: loss {state.StartLoss:F3} with it,"
                + $" {state.BaseLoss:F3} without. A start from text (PrefixStart.FromText) usually does not.";
        }
        int failed = state.Steps.Count(step => step.Failed);
        if (failed > 0)
            yield return $"{failed} of {state.Steps.Count} steps changed nothing, for loss or gradient was not finite.";
        if (end == TrainingEnd.Diverged)
        {
            yield return $"Training stopped after step {state.Steps.Count}, for {maxFailedSteps} steps in a row were"
                + $" not finite; the best prefix is that of step {state.BestStep}.";
        }
    }
}
