using System;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>A matrix in 8 bits: a number is an integer of -127 to 127 times the scale of its row.</summary>
/// <param name="numbers">[rows, columns, and zeros up to a multiple of <see cref="PackedProducts.Int8Step"/>], int8;
/// stays its owner's.</param>
/// <param name="scales">[rows], bfloat16; stays its owner's.</param>
/// <param name="columns">Columns without those zeros.</param>
internal sealed class Int8Matrix(Tensor numbers, Tensor scales, long columns) : PackedMatrix
{
    // The largest number of 8 bits whose negative is one, too.
    private const int Most = 127;

    // Keeps a row of zeros from a scale of 0; far below any scale of a weight.
    private const double LeastScale = 1e-30;

    // Numbers of rows that are made at a time.
    private const long PartNumbers = 1L << 22;

    public override long Rows => numbers.size(0);

    public override long Columns => columns;

    public override Device Device => numbers.device;

    /// <summary>
    /// The nearest matrix in 8 bits: a row's largest number is 127 times its scale, which is rounded first, so that
    /// only the rounding of the numbers is left: half a scale at most.
    /// </summary>
    /// <param name="matrix">The matrix.</param>
    /// <param name="own">Takes the tensors that are made.</param>
    public static Int8Matrix Of(FrozenMatrix matrix, Func<Tensor, Tensor> own)
    {
        long columns = matrix.Columns, steps = (columns + PackedProducts.Int8Step - 1) / PackedProducts.Int8Step;
        Tensor numbers = own(zeros([matrix.Rows, steps * PackedProducts.Int8Step], ScalarType.Int8));
        Tensor scales = own(empty([matrix.Rows], ScalarType.BFloat16));
        matrix.ForEachBlock((first, block) =>
        {
            long count = block.size(0), step = Math.Max(1, PartNumbers / columns);
            for (long start = 0; start < count; start += step)
            {
                using var scope = NewDisposeScope();
                long rows = Math.Min(step, count - start);
                Tensor wide = block.narrow(0, start, rows).to(ScalarType.Float32);
                Tensor scale = (wide.abs().amax([1]) * Scalars.Real(1.0 / Most)).clamp_(Scalars.Real(LeastScale))
                    .to(ScalarType.BFloat16);
                Tensor whole = (wide / scale.to(ScalarType.Float32).unsqueeze(1)).round_();
                numbers.narrow(0, first + start, rows).narrow(1, 0, columns).copy_(whole);
                scales.narrow(0, first + start, rows).copy_(scale);
            }
        });
        return new Int8Matrix(numbers, scales, columns);
    }

    public override Tensor Select(Tensor ids) =>
        Wide(numbers.index_select(0, ids), scales.index_select(0, ids));

    public override FrozenMatrix Slice(long start, long count) =>
        new Int8Matrix(numbers.narrow(0, start, count).DetachFromDisposeScope(),
            scales.narrow(0, start, count).DetachFromDisposeScope(), columns);

    protected override Tensor Product(Tensor x) =>
        PackedProducts.Int8(PackedProducts.Rows(x, numbers.size(1)), numbers, scales);

    protected override Tensor Wide(long start, long count) =>
        Wide(numbers.narrow(0, start, count), scales.narrow(0, start, count));

    private Tensor Wide(Tensor rows, Tensor ofRows) =>
        rows.narrow(1, 0, columns).to(ScalarType.Float32) * ofRows.to(ScalarType.Float32).unsqueeze(1);
}
