using System;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// A matrix in bfloat16 for one new token a row, where all but the numbers of matrices is float32: so are what its
/// products take and what they give. They have no gradient.
/// </summary>
/// <param name="kept">The matrix; stays its owner's.</param>
internal abstract class StepMatrix(FrozenMatrix kept) : WritingMatrix("A matrix for single tokens")
{
    /// <summary>The matrix as prompts and training take it.</summary>
    public FrozenMatrix Kept => kept;

    public override long Rows => kept.Rows;

    public override long Columns => kept.Columns;

    public override Device Device => kept.Device;

    public override Tensor BackProduct(Tensor y) => kept.BackProduct(y.to(kept.Type)).to(Type);

    public override Tensor Select(Tensor ids) => RowKernels.Wide(kept.Select(ids).contiguous());

    /// <exception cref="NotSupportedException">Always: what is made of the matrix is made of all of it.</exception>
    public override FrozenMatrix Slice(long start, long count) => throw new NotSupportedException(
        "A matrix for single tokens: expected to be used whole, found a part of its rows asked for. Cut what it is made"
            + " of.");

    public override void ForEachBlock(Action<long, Tensor> action) => kept.ForEachBlock((start, block) =>
    {
        using Tensor wide = block.to(Type);
        action(start, wide);
    });
}

/// <summary>
/// Products by torch, with rows that are rounded to bfloat16 and sums that are: fast for many rows, where a row's bits
/// may depend on how many there are.
/// </summary>
/// <param name="kept">The matrix, in bfloat16; stays its owner's.</param>
internal sealed class RoundedMatrix(FrozenMatrix kept) : StepMatrix(kept)
{
    protected override Tensor Product(Tensor x)
    {
        using Tensor whole = x.contiguous(), narrow = RowKernels.Narrow(whole), rows = narrow.view(-1, Columns);
        using Tensor product = Kept.Product(rows, null);
        return RowKernels.Wide(product);
    }
}

/// <summary>
/// Products of our own (<see cref="RowProducts"/>), with rows as they are: fast for few rows, and a row has the same
/// bits whatever stands beside it.
/// </summary>
/// <param name="kept">The matrix, in bfloat16; stays its owner's.</param>
internal sealed class RowMatrix(FrozenMatrix kept) : StepMatrix(kept)
{
    /// <summary>Whether a matrix lies as these products read it, or is made wide so.</summary>
    public static bool Suits(FrozenMatrix matrix) => matrix is not WideMatrix wide || wide.Tensor.is_contiguous();

    protected override Tensor Product(Tensor x)
    {
        Tensor rows = x.reshape(-1, 1, Columns);
        if (Kept is WideMatrix wide)
            return RowProducts.Product(rows, wide.Tensor, null).view(-1, Rows);
        Tensor product = empty([rows.size(0), 1, Rows], ScalarType.Float32);
        Kept.ForEachBlock((start, block) =>
        {
            using Tensor part = RowProducts.Product(rows, block, null);
            product.narrow(Axis.Last, start, block.size(0)).copy_(part);
        });
        return product.view(-1, Rows);
    }
}
