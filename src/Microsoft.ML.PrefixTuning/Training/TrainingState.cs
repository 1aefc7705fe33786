using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Serialization;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// Where a training stands, beside parameters and moments. Everything else (order of rows, learning rate, random
/// numbers, early stopping) follows from it.
/// </summary>
internal sealed class TrainingState
{
    /// <summary>Steps taken, failed ones included.</summary>
    public List<StepRecord> Steps { get; init; } = [];

    /// <summary>Validations, the first one before training.</summary>
    public List<ValidationLoss> Validations { get; init; } = [];

    /// <summary>Loss with the starting prefix, in nats a token; null until it is measured.</summary>
    public double? StartLoss { get; set; }

    /// <summary>Loss of the base alone over the same rows.</summary>
    public double BaseLoss { get; set; }

    /// <summary>Steps that changed something.</summary>
    public int Updates { get; set; }

    /// <summary>Steps done when the best prefix was found.</summary>
    public int BestStep { get; set; }

    /// <summary>Real tokens seen.</summary>
    public long Tokens { get; set; }

    /// <summary>Places of the batches seen, padding included.</summary>
    public long Places { get; set; }

    /// <summary>Seconds of all parts so far.</summary>
    public double Seconds { get; set; }

    /// <summary>Why training ended; null while it can go on.</summary>
    public TrainingEnd? End { get; set; }

    /// <summary>Steps done with the last one that was finite; 0 where none was.</summary>
    [JsonIgnore]
    public int LastGoodStep => Steps.FindLastIndex(step => !step.Failed) + 1;

    /// <summary>Notes a step.</summary>
    public void Add(StepResult result)
    {
        Steps.Add(result.Record);
        Updates += result.HasMoved ? 1 : 0;
        Tokens += result.Tokens;
        Places += result.Places;
    }

    /// <summary>Steps in a row up to now that were not finite.</summary>
    public int FailedInARow() => Steps.AsEnumerable().Reverse().TakeWhile(step => step.Failed).Count();

    /// <summary>Whether a loss is below all before it.</summary>
    public bool IsBest(double loss) => double.IsFinite(loss) && Validations.All(earlier => !(earlier.Loss <= loss));

    /// <summary>Whether the validation loss has not fallen for as many epochs as are allowed.</summary>
    /// <param name="stopping">What is allowed; null for everything.</param>
    /// <param name="plan">Tells validations after an epoch from those within one.</param>
    public bool IsStopDue(EarlyStopping? stopping, TrainingPlan plan)
    {
        double best = double.PositiveInfinity;
        int without = 0;
        foreach (ValidationLoss validation in Validations)
        {
            if (validation.Loss < best - stopping?.MinDelta)
                (best, without) = (validation.Loss, 0);
            else if (plan.IsEpochEnd(validation.Step))
                without++;
        }
        return without >= stopping?.Patience;
    }
}
