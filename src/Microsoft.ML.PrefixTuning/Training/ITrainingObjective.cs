using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// What a training makes small: a sum over the target tokens of a batch. The loop around it knows no more.
/// </summary>
internal interface ITrainingObjective
{
    /// <summary>The objective with all that has a part in its value; a saved state names it.</summary>
    string Identity { get; }

    /// <summary>The sum as validation takes it.</summary>
    /// <param name="model">The base.</param>
    /// <param name="states">One batch through the base.</param>
    /// <param name="rows">The rows of the batch.</param>
    double Sum(LanguageModel model, TargetStates states, IReadOnlyList<TrainingExample> rows);

    /// <summary>
    /// The sum as training takes it and its gradient with respect to the hidden states, [T, E] in their type.
    /// </summary>
    /// <param name="model">The base.</param>
    /// <param name="states">One batch through the base.</param>
    /// <param name="rows">The rows of the batch.</param>
    (double Sum, Tensor Gradient) WithGradient(LanguageModel model, TargetStates states,
        IReadOnlyList<TrainingExample> rows);
}

/// <summary>The cross-entropy of the rows' own target tokens.</summary>
/// <param name="smoothing">
/// Share of each label's probability spread over the vocabulary; validation does without.
/// </param>
internal sealed class CrossEntropyObjective(double smoothing) : ITrainingObjective
{
    public string Identity => "cross-entropy";

    public double Sum(LanguageModel model, TargetStates states, IReadOnlyList<TrainingExample> rows) =>
        TargetLoss.Sum(model, states.Hidden, states.Labels);

    public (double Sum, Tensor Gradient) WithGradient(LanguageModel model, TargetStates states,
        IReadOnlyList<TrainingExample> rows) =>
        TargetLoss.WithGradient(model, states.Hidden, states.Labels, smoothing);
}
