using System;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// A matrix in 4 bits: groups of 32 numbers of a row, each one of 16 steps, with a scale and the number of step 0 a
/// group.
/// </summary>
/// <param name="groups">As <see cref="Int4Blocks"/> has them; stays its owner's.</param>
/// <param name="rows">Rows of the matrix.</param>
/// <param name="columns">Columns of the matrix.</param>
internal sealed class Int4Matrix(Tensor groups, long rows, long columns) : PackedMatrix(groups, rows, columns)
{
    // Steps from a group's first one to the middle between its first and its last.
    private const double Center = 7.5;

    // Numbers of rows that are made at a time.
    private const long PartNumbers = 1L << 22;

    // Keeps a group of equal numbers from a scale of 0.
    private const double LeastScale = 1e-30;

    /// <summary>
    /// A matrix in 4 bits. One that is stored so keeps its steps; of any other the steps of a group span its numbers.
    /// Scales and numbers of step 0 are rounded to bfloat16.
    /// </summary>
    /// <param name="weight">What the matrix is, for messages.</param>
    /// <param name="matrix">The matrix.</param>
    /// <param name="own">Takes the tensors that are made.</param>
    /// <exception cref="NotSupportedException">It is too large.</exception>
    public static Int4Matrix Of(string weight, FrozenMatrix matrix, Func<Tensor, Tensor> own)
    {
        long columns = matrix.Columns, perRow = (columns + StepRows.Group - 1) / StepRows.Group;
        long most = Math.Max(1, PartNumbers / columns);
        long blocks = BlockProducts.Blocks(matrix.Rows), bytes = perRow * Int4Blocks.StepBytes;
        CheckSize(weight, matrix, blocks * bytes, bits: 4);
        Tensor groups = own(zeros([blocks, bytes], ScalarType.Byte));
        if (matrix is StoredMatrix stored && stored.HasSteps)
        {
            for (long start = 0; start < matrix.Rows; start += most)
            {
                using var part = NewDisposeScope();
                Put(start, Stored(stored.Steps(start, Math.Min(most, matrix.Rows - start)), perRow));
            }
        }
        else
        {
            matrix.ForEachBlock((first, block) =>
            {
                for (long start = 0; start < block.size(0); start += most)
                {
                    using var part = NewDisposeScope();
                    Put(first + start, Spanned(block.narrow(0, start, Math.Min(most, block.size(0) - start)), perRow));
                }
            });
        }
        return new Int4Matrix(groups, matrix.Rows, columns);

        void Put(long start, (Tensor Steps, Tensor Scales, Tensor Offsets) part)
        {
            Tensor steps = part.Steps.to(ScalarType.Byte).contiguous();
            Tensor numbers = stack([part.Scales, part.Offsets], 2).to(ScalarType.BFloat16).contiguous();
            Int4Blocks.Pack(steps.bytes, MemoryMarshal.Cast<byte, ushort>(numbers.bytes),
                (int)perRow * StepRows.Group, start, groups.bytes, (int)bytes);
        }
    }

    protected override Tensor Product(Tensor x) => BlockProducts.Product<Int4Blocks>(x, Blocks, Rows);

    protected override void Unpack(ReadOnlySpan<byte> block, long row, Span<float> wide) =>
        Int4Blocks.Unpack(block, (int)(row % Lanes.Count), wide);

    private static (Tensor Steps, Tensor Scales, Tensor Offsets) Stored(StepRows rows, long perRow) =>
        (tensor(rows.Steps).view(-1, perRow * StepRows.Group), Groups(rows.Scales, perRow),
            Groups(rows.Offsets, perRow));

    private static Tensor Groups(float[] numbers, long perRow) =>
        AlignedTensor.Of(numbers, [numbers.Length / perRow, perRow], CPU);

    private static (Tensor Steps, Tensor Scales, Tensor Offsets) Spanned(Tensor block, long perRow)
    {
        Tensor wide = block.to(ScalarType.Float32);
        long beyond = perRow * StepRows.Group - wide.size(1);
        // Columns beyond the last repeat it, so that they widen no group.
        if (beyond > 0)
            wide = cat([wide, wide.narrow(1, wide.size(1) - 1, 1).expand(-1, beyond)], 1);
        Tensor grouped = wide.view(-1, perRow, StepRows.Group), least = grouped.amin([2]), most = grouped.amax([2]);
        Tensor scales = most.add(least, Scalars.MinusOne).mul_(Scalars.Real(0.5 / Center))
            .clamp_(Scalars.Real(LeastScale));
        // So that the middle of the group stays where it is with the scale as it is rounded.
        Tensor offsets = most.Plus(least).mul_(Scalars.Real(0.5)).add(Narrow(scales), Scalars.Real(-Center));
        Tensor steps = grouped.add(Narrow(offsets).unsqueeze(2), Scalars.MinusOne)
            .div_(Narrow(scales).unsqueeze(2)).round_().clamp_(Scalars.Real(0), Scalars.Real(2 * Center));
        return (steps.view(-1, perRow * StepRows.Group), scales, offsets);
    }

    private static Tensor Narrow(Tensor numbers) => numbers.to(ScalarType.BFloat16).to(ScalarType.Float32);
}
