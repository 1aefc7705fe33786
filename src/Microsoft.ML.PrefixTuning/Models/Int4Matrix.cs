using System;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// A matrix in 4 bits: groups of 32 numbers of a row, each one of 16 steps, with a scale and a middle a group.
/// </summary>
/// <param name="packed">The steps as the product takes them, of rows and columns up to whole groups; stays its
/// owner's.</param>
/// <param name="groups">[groups of a row, rows, 2], bfloat16: scale and middle; stays its owner's.</param>
/// <param name="rows">Rows without those beyond.</param>
/// <param name="columns">Columns without those beyond.</param>
internal sealed class Int4Matrix(Tensor packed, Tensor groups, long rows, long columns) : PackedMatrix
{
    // Steps from the middle of a group to its first one, and to the middle between its first and its last.
    private const double Middle = 8, Center = 7.5;

    // Numbers of rows that are made at a time.
    private const long PartNumbers = 1L << 22;

    // Keeps a group of equal numbers from a scale of 0.
    private const double LeastScale = 1e-30;

    public override long Rows => rows;

    public override long Columns => columns;

    public override Device Device => packed.device;

    /// <summary>
    /// A matrix in 4 bits. One that is stored so keeps its steps; of any other the steps of a group span its numbers.
    /// Scales and middles are rounded to bfloat16.
    /// </summary>
    /// <param name="matrix">The matrix.</param>
    /// <param name="own">Takes the tensors that are made.</param>
    public static Int4Matrix Of(FrozenMatrix matrix, Func<Tensor, Tensor> own)
    {
        using var scope = NewDisposeScope();
        long columns = matrix.Columns, perRow = (columns + StepRows.Group - 1) / StepRows.Group;
        long rows = (matrix.Rows + PackedProducts.Int4Outputs - 1) / PackedProducts.Int4Outputs
            * PackedProducts.Int4Outputs;
        Tensor steps = zeros([rows, perRow * StepRows.Group], ScalarType.Int32);
        Tensor groups = zeros([perRow, rows, 2], ScalarType.BFloat16);
        if (matrix is StoredMatrix stored && stored.HasSteps)
        {
            long count = Math.Max(1, PartNumbers / columns);
            for (long start = 0; start < matrix.Rows; start += count)
            {
                using var part = NewDisposeScope();
                Put(start, Stored(stored.Steps(start, Math.Min(count, matrix.Rows - start)), perRow));
            }
        }
        else
        {
            matrix.ForEachBlock((first, block) =>
            {
                long count = Math.Max(1, PartNumbers / columns);
                for (long start = 0; start < block.size(0); start += count)
                {
                    using var part = NewDisposeScope();
                    Put(first + start, Spanned(block.narrow(0, start, Math.Min(count, block.size(0) - start)), perRow));
                }
            });
        }
        return new Int4Matrix(own(PackedProducts.Pack4(steps)), own(groups), matrix.Rows, columns);

        void Put(long start, (Tensor Steps, Tensor Scales, Tensor Middles) part)
        {
            long count = part.Steps.size(0);
            steps.narrow(0, start, count).copy_(part.Steps);
            groups.narrow(1, start, count).select(2, 0).copy_(part.Scales.t());
            groups.narrow(1, start, count).select(2, 1).copy_(part.Middles.t());
        }
    }

    public override Tensor Select(Tensor ids) => Wide(0, rows).index_select(0, ids);

    /// <exception cref="NotSupportedException">Always: rows are packed together, a part is cut before.</exception>
    public override FrozenMatrix Slice(long start, long count) => throw new NotSupportedException(
        "A matrix in 4 bits: expected to be used whole, found a part of its rows asked for. Cut what it is made of.");

    protected override Tensor Product(Tensor x)
    {
        Tensor product =
            PackedProducts.Int4(PackedProducts.Rows(x, groups.size(0) * StepRows.Group), packed, groups);
        return product.size(1) == rows ? product : product.narrow(1, 0, rows).contiguous();
    }

    // A product with a unit is one number of each row.
    protected override Tensor Wide(long start, long count) =>
        Product(eye(columns, dtype: ScalarType.Float32, device: Device)).narrow(1, start, count).t()
            .to(ScalarType.Float32).contiguous();

    private static (Tensor Steps, Tensor Scales, Tensor Middles) Stored(StepRows rows, long perRow)
    {
        Tensor scales = tensor(rows.Scales).view(-1, perRow), offsets = tensor(rows.Offsets).view(-1, perRow);
        return (tensor(rows.Steps).view(-1, perRow * StepRows.Group), scales,
            MiddleOf(offsets.Plus(scales * Scalars.Real(Center)), scales));
    }

    private static (Tensor Steps, Tensor Scales, Tensor Middles) Spanned(Tensor block, long perRow)
    {
        Tensor wide = block.to(ScalarType.Float32);
        long beyond = perRow * StepRows.Group - wide.size(1);
        // Columns beyond the last repeat it, so that they widen no group.
        if (beyond > 0)
            wide = cat([wide, wide.narrow(1, wide.size(1) - 1, 1).expand(-1, beyond)], 1);
        Tensor grouped = wide.view(-1, perRow, StepRows.Group), least = grouped.amin([2]), most = grouped.amax([2]);
        Tensor scales = most.add(least, Scalars.MinusOne).mul_(Scalars.Real(0.5 / Center))
            .clamp_(Scalars.Real(LeastScale));
        Tensor middles = MiddleOf(most.Plus(least).mul_(Scalars.Real(0.5)), scales);
        Tensor steps = grouped.add(Narrow(middles).unsqueeze(2), Scalars.MinusOne)
            .div_(Narrow(scales).unsqueeze(2)).round_().PlusInPlace(Scalars.Real(Middle))
            .clamp_(Scalars.Real(0), Scalars.Real(2 * Center));
        return (steps.view(-1, perRow * StepRows.Group), scales, middles);
    }

    // Where step 8 lies so that the center stays where it is with the scale as it is rounded.
    private static Tensor MiddleOf(Tensor centers, Tensor scales) =>
        centers.Plus(Narrow(scales) * Scalars.Real(Middle - Center));

    private static Tensor Narrow(Tensor numbers) => numbers.to(ScalarType.BFloat16).to(ScalarType.Float32);
}
