using System;
using System.Globalization;
using System.Linq;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// A matrix of few bits a number, whose products take it as it is (<see cref="BlockProducts"/>). All else is float32: a
/// row's text depends on its batch no more than in float32. Products have no gradient: it is for writing.
/// </summary>
/// <param name="blocks">[blocks of sixteen rows, bytes of one], with zeros up to whole blocks and steps of columns;
/// stays its owner's.</param>
/// <param name="rows">Rows without those zeros.</param>
/// <param name="columns">Columns without those zeros.</param>
internal abstract class PackedMatrix(Tensor blocks, long rows, long columns) : WritingMatrix("A base in 8 or 4 bits")
{
    // Numbers that are wide at a time where the matrix is gone over.
    private const long BlockNumbers = 1L << 22;

    public override long Rows => rows;

    public override long Columns => columns;

    public override Device Device => blocks.device;

    /// <summary>As it lies.</summary>
    public Tensor Blocks => blocks;

    public override Tensor BackProduct(Tensor y) => y.matmul(Wide(0, Rows));

    public override Tensor Select(Tensor ids)
    {
        using Tensor own = ids.contiguous();
        return Wide(MemoryMarshal.Cast<byte, long>(own.bytes).ToArray());
    }

    /// <exception cref="NotSupportedException">Always: rows are packed together, a part is cut before.</exception>
    public override FrozenMatrix Slice(long start, long count) => throw new NotSupportedException(
        "A packed matrix: expected to be used whole, found a part of its rows asked for. Cut what it is made of.");

    public override void ForEachBlock(Action<long, Tensor> action)
    {
        long step = Math.Max(1, BlockNumbers / Columns);
        for (long start = 0; start < Rows; start += step)
        {
            using Tensor block = Wide(start, Math.Min(step, Rows - start));
            action(start, block);
        }
    }

    /// <summary>Refuses a matrix that is too large to be packed: a span holds all of its bytes.</summary>
    /// <param name="weight">What it is.</param>
    /// <param name="matrix">The matrix.</param>
    /// <param name="bytes">Bytes that it would have.</param>
    /// <param name="bits">Bits of a number.</param>
    /// <exception cref="NotSupportedException">It is.</exception>
    protected static void CheckSize(string weight, FrozenMatrix matrix, long bytes, int bits)
    {
        if (bytes > int.MaxValue)
        {
            throw new NotSupportedException(string.Create(CultureInfo.InvariantCulture,
                $"{weight}: expected at most {int.MaxValue:N0} bytes of a matrix in {bits} bits, found {bytes:N0}"
                    + $" ({matrix.Rows:N0} rows of {matrix.Columns:N0} numbers).")
                + " Take another Precision, such as BFloat16 or AsStored.");
        }
    }

    /// <summary>One row as what it stands for.</summary>
    /// <param name="block">The block that it is in.</param>
    /// <param name="row">The row.</param>
    /// <param name="wide">[columns].</param>
    protected abstract void Unpack(ReadOnlySpan<byte> block, long row, Span<float> wide);

    private Tensor Wide(long start, long count) =>
        Wide([.. Enumerable.Range(0, (int)count).Select(row => start + row)]);

    // [n, columns], float32.
    private Tensor Wide(long[] ofRows)
    {
        Tensor wide = empty([ofRows.Length, columns], ScalarType.Float32);
        Span<float> numbers = MemoryMarshal.Cast<byte, float>(wide.bytes);
        ReadOnlySpan<byte> all = blocks.bytes;
        int bytes = (int)blocks.size(1), width = (int)columns;
        for (int i = 0; i < ofRows.Length; i++)
        {
            Unpack(all.Slice((int)(ofRows[i] / Lanes.Count) * bytes, bytes), ofRows[i],
                numbers.Slice(i * width, width));
        }
        return wide;
    }
}
