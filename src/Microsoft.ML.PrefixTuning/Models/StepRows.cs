using System;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// Rows in groups of 32 numbers, each one of 16 steps: a number is its group's scale times its step, plus its group's
/// offset.
/// </summary>
/// <param name="count">Rows.</param>
/// <param name="columns">Numbers of a row, a multiple of 32.</param>
internal sealed class StepRows(int count, int columns)
{
    /// <summary>Numbers of a group.</summary>
    public const int Group = 32;

    /// <summary>[rows, columns], 0 to 15.</summary>
    public byte[] Steps { get; } = new byte[(long)count * columns];

    /// <summary>[rows, columns / 32].</summary>
    public float[] Scales { get; } = new float[(long)count * columns / Group];

    /// <summary>[rows, columns / 32].</summary>
    public float[] Offsets { get; } = new float[(long)count * columns / Group];

    /// <summary>The steps of a row.</summary>
    public Span<byte> StepsOf(int row) => Steps.AsSpan(row * columns, columns);

    /// <summary>The scales of a row.</summary>
    public Span<float> ScalesOf(int row) => Scales.AsSpan(row * columns / Group, columns / Group);

    /// <summary>The offsets of a row.</summary>
    public Span<float> OffsetsOf(int row) => Offsets.AsSpan(row * columns / Group, columns / Group);
}
