using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// What a teacher says of every target token of one row, computed once before training and kept in managed memory. The
/// whole distribution is kept as the hidden state that it follows from through the frozen head: E numbers a token, not
/// V.
/// </summary>
/// <param name="Values">
/// The whole distribution: hidden states, [T, E]. Its top: log-probabilities of the K most probable tokens and, behind
/// them, the probability of all others together, [T, K + 1].
/// </param>
/// <param name="Ids">Ids of the most probable tokens, [T, K]; null where the whole distribution is kept.</param>
internal sealed record TeacherTokens(float[] Values, int[]? Ids)
{
    /// <summary>The teacher's tokens of a batch, row after row as <see cref="TargetStates"/> has them.</summary>
    /// <param name="rows">Rows that have a teacher.</param>
    /// <param name="count">T.</param>
    /// <param name="device">Device of the base.</param>
    /// <returns>
    /// Values, [T, ...] in float32, and ids, [T, K], int64, or null. Owned by the current dispose scope.
    /// </returns>
    public static (Tensor Values, Tensor? Ids) Batch(IReadOnlyList<TrainingExample> rows, long count, Device device)
    {
        TeacherTokens[] teachers = rows.Select(row => row.Teacher
            ?? throw new InvalidOperationException(
                $"{row.Place}: expected what the teacher says of it, found nothing.")).ToArray();
        float[] values = [.. teachers.SelectMany(teacher => teacher.Values)];
        long[]? ids = teachers[0].Ids is null ? null : [.. teachers.SelectMany(teacher => teacher.Ids!)];
        return (AlignedTensor.Of(values, [count, values.Length / count], device),
            ids is null ? null : tensor(ids, [count, ids.Length / count], device: device));
    }
}
