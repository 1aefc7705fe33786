using System;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// A matrix of few bits a number, whose products take it as it is: rows are rounded to bfloat16 for them, and sums to
/// bfloat16 behind them. All else is float32, so that a row's text depends on its batch no more than in float32.
/// Products have no gradient: it is for writing.
/// </summary>
internal abstract class PackedMatrix : FrozenMatrix
{
    // Numbers that are wide at a time where the matrix is gone over.
    private const long BlockNumbers = 1L << 22;

    public override ScalarType Type => ScalarType.Float32;

    /// <exception cref="InvalidOperationException">A gradient is wanted.</exception>
    public override Tensor Product(Tensor x, Tensor? bias)
    {
        if (is_grad_enabled() && x.requires_grad)
        {
            throw new InvalidOperationException(
                "A base in 8 or 4 bits is for writing: expected no gradient through it, found one.");
        }
        Tensor product = Product(x).to(ScalarType.Float32);
        if (bias is not null)
            product.PlusInPlace(bias);
        long[] shape = x.shape;
        shape[^1] = Rows;
        return product.view(shape);
    }

    public override Tensor BackProduct(Tensor y) => y.matmul(Wide(0, Rows));

    public override void ForEachBlock(Action<long, Tensor> action)
    {
        long step = Math.Max(1, BlockNumbers / Columns);
        for (long start = 0; start < Rows; start += step)
        {
            using Tensor block = Wide(start, Math.Min(step, Rows - start));
            action(start, block);
        }
    }

    /// <summary>x W^T.</summary>
    /// <param name="x">[..., columns].</param>
    /// <returns>[n, rows], bfloat16, contiguous.</returns>
    protected abstract Tensor Product(Tensor x);

    /// <summary>What some rows stand for.</summary>
    /// <returns>[count, columns], float32.</returns>
    protected abstract Tensor Wide(long start, long count);
}
