using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// What a training moves, and how it moves it a step at a time: all that <see cref="PrefixTrainer"/> does not know.
/// Numbers by a gradient, words by a search, the weights themselves.
/// </summary>
/// <param name="run">Rows, options and the caller's wishes.</param>
internal abstract class Learner(TrainingRun run) : IDisposable
{
    /// <summary>Rows, options and the caller's wishes.</summary>
    public TrainingRun Run => run;

    /// <summary>
    /// Numbers whose mean over the steps is validated and kept (<see cref="TrainingOptions.Averaging"/>), float32; none
    /// where a mean says nothing.
    /// </summary>
    public abstract IReadOnlyList<NamedParameter> Parameters { get; }

    /// <summary>Numbers that are trained.</summary>
    public long TrainedCount => Parameters.Sum(parameter => parameter.Value.numel());

    /// <summary>All that steps change, under the names of a state file: its numbers are whole or float32.</summary>
    public abstract IEnumerable<KeyValuePair<string, Tensor>> State { get; }

    /// <summary>What must be equal for a saved state to be gone on with, beside what the run says, by name.</summary>
    public abstract IEnumerable<NamedValue> Signature { get; }

    /// <summary>Steps between validations within an epoch; null where the ends of epochs are enough.</summary>
    public virtual int? ValidationInterval => null;

    /// <summary>Whether layers are run a second time for their gradient; null where nothing decides on it.</summary>
    public virtual bool? Recomputes => null;

    /// <summary>Called once before the first step of a process.</summary>
    /// <param name="plan">The rows of every step.</param>
    /// <exception cref="InvalidOperationException">A step would not fit into memory.</exception>
    public virtual void Prepare(TrainingPlan plan)
    {
    }

    /// <summary>Takes a step, unless loss or gradient is not finite: then nothing changes.</summary>
    /// <param name="plan">The rows and the learning rate of every step.</param>
    /// <param name="step">Step, from 0.</param>
    /// <param name="updates">Steps so far that changed something.</param>
    /// <exception cref="OperationCanceledException">The run was cancelled; nothing has changed.</exception>
    public abstract StepResult Take(TrainingPlan plan, int step, int updates);

    /// <summary>The mean loss over all target tokens of some rows, in nats; 0 where they have none.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="checkAlive">Called before every forward pass; throws to end training.</param>
    public abstract double MeanLoss(IReadOnlyList<TrainingExample> rows, Action checkAlive);

    /// <summary>The mean loss of the base by itself.</summary>
    /// <param name="rows">The rows.</param>
    public abstract double BaseLoss(IReadOnlyList<TrainingExample> rows);

    /// <summary>What has been learned so far, by name; null where it has a number that is not finite.</summary>
    public abstract IReadOnlyDictionary<string, StateTensor>? Keep();

    /// <summary>Frees moments and the like; what is trained stays its owner's.</summary>
    public abstract void Dispose();
}

/// <summary>What a step came to.</summary>
/// <param name="Record">What is told of it.</param>
/// <param name="HasMoved">Whether it changed something.</param>
/// <param name="Tokens">Real tokens that went through the base.</param>
/// <param name="Places">The same with padding; 0 where it is not counted.</param>
internal sealed record StepResult(StepRecord Record, bool HasMoved, long Tokens, long Places);
