using System;
using Microsoft.ML.PrefixTuning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// The Kullback-Leibler divergence of a student's next-token distributions from a teacher's, in chunks as
/// <see cref="TargetLoss"/> and, as there, with the gradient of the hidden states in the same pass. In float32 whatever
/// the type of the base.
/// </summary>
/// <remarks>
/// With u the student's scores over the temperature, q its probabilities and p the teacher's, the divergence has the
/// gradient q - p with respect to u. Of a teacher whose K most probable tokens are known, the others are one event with
/// probability p' and, for the student, q': the gradient of each of them is q (1 - p' / q').
/// </remarks>
internal static class DistillationLoss
{
    // Keeps the logarithm of a rest that is empty, or has underflowed, finite.
    private const double LeastRest = 1e-30;

    /// <summary>The sum over tokens, times the temperature's square, and its gradient where one is wanted.</summary>
    /// <param name="model">The base of both.</param>
    /// <param name="hidden">The student's hidden states, [T, E].</param>
    /// <param name="teacher">What <see cref="TeacherTokens.Batch"/> gives.</param>
    /// <param name="temperature">What the scores are divided by.</param>
    /// <param name="gradient">
    /// Takes the gradient with respect to <paramref name="hidden"/>, [T, E]; null where none is wanted.
    /// </param>
    public static double Measure(LanguageModel model, Tensor hidden, (Tensor Values, Tensor? Ids) teacher,
        double temperature,
        Tensor? gradient)
    {
        double sum = 0;
        long count = hidden.size(0), size = TargetLoss.ChunkTokens(model);
        using var noGradient = no_grad();
        for (long start = 0; start < count; start += size)
        {
            using var scope = NewDisposeScope();
            long length = Math.Min(size, count - start);
            Tensor logits = model.Logits(hidden.narrow(0, start, length));                               // [C, V]
            Tensor student = LogProbabilities(logits, temperature);
            Tensor values = teacher.Values.narrow(0, start, length);
            (double part, Tensor ofScores) = teacher.Ids is null
                ? Whole(student, LogProbabilities(model.Logits(values.to(hidden.dtype)), temperature))
                : Top(student, values, teacher.Ids.narrow(0, start, length));
            sum += part;
            Tensor ofLogits = ofScores.mul_(Scalars.Real(temperature)).to(hidden.dtype);
            gradient?.narrow(0, start, length).copy_(model.HiddenGradient(ofLogits, logits));
        }
        return sum * temperature * temperature;
    }

    /// <summary>Log-probabilities at a temperature.</summary>
    /// <param name="logits">[C, V].</param>
    /// <param name="temperature">What the scores are divided by.</param>
    /// <returns>[C, V], float32.</returns>
    public static Tensor LogProbabilities(Tensor logits, double temperature)
    {
        Tensor scores = logits.to(ScalarType.Float32);
        return (temperature == 1 ? scores : scores.div(Scalars.Real(temperature))).log_softmax(Axis.Last);
    }

    /// <summary>Divergence and gradient of whole distributions; overwrites both.</summary>
    private static (double Sum, Tensor Gradient) Whole(Tensor student, Tensor teacher)
    {
        Tensor probabilities = teacher.exp();
        double sum = Total(teacher.sub_(student).mul_(probabilities));
        return (sum, student.exp_().sub_(probabilities));
    }

    /// <summary>
    /// Divergence and gradient where the teacher's K most probable tokens are known; overwrites the student's.
    /// </summary>
    private static (double Sum, Tensor Gradient) Top(Tensor student, Tensor values, Tensor ids)
    {
        long known = ids.size(Axis.Last);
        Tensor ofTeacher = values.narrow(Axis.Last, 0, known), teacherRest = values.narrow(Axis.Last, known, 1);
        Tensor ofStudent = student.gather(1, ids), probabilities = ofTeacher.exp();
        Tensor others = student.exp_().scatter_(1, ids, zeros_like(ofStudent));
        // Added up and not taken from 1: a small rest keeps its digits.
        Tensor studentRest = others.sum([Axis.Last], keepdim: true).clamp_min_(Scalars.Real(LeastRest));
        double sum = Total((ofTeacher - ofStudent).mul_(probabilities))
            + Total(xlogy(teacherRest, teacherRest / studentRest));
        Tensor shares = (teacherRest / studentRest).neg_().PlusInPlace(Scalars.One);
        return (sum, others.mul_(shares).scatter_(1, ids, ofStudent.exp_().sub_(probabilities)));
    }

    /// <summary>The sum of all numbers; tokens are added up in double.</summary>
    private static double Total(Tensor parts) => parts.sum([Axis.Last]).to(ScalarType.Float64).sum().ToDouble();
}
