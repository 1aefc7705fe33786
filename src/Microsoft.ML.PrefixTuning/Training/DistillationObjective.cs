using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// The divergence of the student's next-token distributions from the teacher's (Hinton, Vinyals and Dean 2015), at the
/// target tokens of each row. Rows carry what the teacher says (<see cref="TrainingExample.Teacher"/>).
/// </summary>
/// <param name="temperature">
/// What both sides' scores are divided by; the divergence is multiplied with its square.
/// </param>
/// <param name="teacher">Names the teacher and how much of its distributions is kept, for saved states.</param>
internal sealed class DistillationObjective(double temperature, string teacher) : ITrainingObjective
{
    public string Identity => FormattableString.Invariant($"distillation at temperature {temperature} of {teacher}");

    public double Sum(LanguageModel model, TargetStates states, IReadOnlyList<TrainingExample> rows) =>
        Measure(model, states, rows, gradient: null);

    public (double Sum, Tensor Gradient) WithGradient(LanguageModel model, TargetStates states,
        IReadOnlyList<TrainingExample> rows)
    {
        using var noGradient = no_grad();
        Tensor gradient = empty_like(states.Hidden);
        return (Measure(model, states, rows, gradient), gradient);
    }

    private double Measure(LanguageModel model, TargetStates states, IReadOnlyList<TrainingExample> rows,
        Tensor? gradient)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        (Tensor values, Tensor? ids) = TeacherTokens.Batch(rows, states.Hidden.size(0), model.Device);
        return DistillationLoss.Measure(model, states.Hidden, (values, ids), temperature, gradient);
    }
}
