using System;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>A matrix in 8 bits: a number is an integer of -127 to 127 times the scale of its row.</summary>
/// <param name="numbers">As <see cref="Int8Blocks"/> has them; stays its owner's.</param>
/// <param name="scales">[rows of all blocks], bfloat16; stays its owner's.</param>
/// <param name="rows">Rows of the matrix.</param>
/// <param name="columns">Columns of the matrix.</param>
internal sealed class Int8Matrix(Tensor numbers, Tensor scales, long rows, long columns)
    : PackedMatrix(numbers, rows, columns)
{
    // The largest number of 8 bits whose negative is one, too.
    private const int Most = 127;

    // Keeps a row of zeros from a scale of 0; far below any scale of a weight.
    private const double LeastScale = 1e-30;

    // Numbers of rows that are made at a time.
    private const long PartNumbers = 1L << 22;

    /// <summary>
    /// The nearest matrix in 8 bits: a row's largest number is 127 times its scale, which is rounded first, so that
    /// only the rounding of the numbers is left: half a scale at most.
    /// </summary>
    /// <param name="weight">What the matrix is, for messages.</param>
    /// <param name="matrix">The matrix.</param>
    /// <param name="own">Takes the tensors that are made.</param>
    /// <exception cref="NotSupportedException">It is too large.</exception>
    public static Int8Matrix Of(string weight, FrozenMatrix matrix, Func<Tensor, Tensor> own)
    {
        int columns = (int)matrix.Columns;
        long blocks = BlockProducts.Blocks(matrix.Rows);
        long bytes = BlockProducts.Columns<Int8Blocks>(columns) / Int8Blocks.Step * Int8Blocks.StepBytes;
        CheckSize(weight, matrix, blocks * bytes, bits: 8);
        Tensor numbers = own(zeros([blocks, bytes], ScalarType.Byte));
        Tensor scales = own(zeros([blocks * Lanes.Count], ScalarType.BFloat16));
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
                Tensor whole = (wide / scale.to(ScalarType.Float32).unsqueeze(1)).round_().to(ScalarType.Int8)
                    .contiguous();
                Int8Blocks.Pack(whole.bytes, columns, first + start, numbers.bytes, (int)bytes);
                scales.narrow(0, first + start, rows).copy_(scale);
            }
        });
        return new Int8Matrix(numbers, scales, matrix.Rows, columns);
    }

    protected override Tensor Product(Tensor x) => BlockProducts.Product<Int8Blocks>(x, Blocks, Rows, scales);

    protected override void Unpack(ReadOnlySpan<byte> block, long row, Span<float> wide) => Int8Blocks.Unpack(block,
        (int)(row % Lanes.Count), Lanes.Wide(MemoryMarshal.Cast<byte, ushort>(scales.bytes)[(int)row]), wide);
}
