using System;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// A matrix in bfloat16 whose rows lie sixteen by sixteen (<see cref="BlockProducts"/>), beside the one that prompts
/// and training take: torch's product brings a matrix into an order of its own at every call, which takes longer than
/// the product of a few rows. Numbers are those of the matrix, what they are multiplied with is not rounded.
/// </summary>
/// <param name="kept">The matrix; stays its owner's.</param>
/// <param name="blocks">[blocks, columns, 16], bfloat16, with zeros up to whole blocks and steps of columns; stays its
/// owner's.</param>
internal sealed class BFloat16Matrix(WideMatrix kept, Tensor blocks) : StepMatrix(kept)
{
    /// <summary>As it lies.</summary>
    public Tensor Blocks => blocks;

    /// <summary>Whether its blocks are within reach: a span has at most 2 GiB.</summary>
    public static bool Suits(WideMatrix matrix) => BlockProducts.Blocks(matrix.Rows) * Lanes.Count
        * BlockProducts.Columns<BFloat16Blocks>(matrix.Columns) * sizeof(ushort) <= Array.MaxLength;

    /// <summary>Lays a matrix into blocks.</summary>
    /// <param name="matrix">The matrix, in bfloat16.</param>
    /// <param name="own">Takes the tensor that is made.</param>
    public static BFloat16Matrix Of(WideMatrix matrix, Func<Tensor, Tensor> own)
    {
        long columns = matrix.Columns, whole = matrix.Rows / Lanes.Count, rest = matrix.Rows % Lanes.Count;
        Tensor blocks = own(zeros([BlockProducts.Blocks(matrix.Rows), BlockProducts.Columns<BFloat16Blocks>(columns),
            Lanes.Count], ScalarType.BFloat16));
        using var scope = NewDisposeScope();
        if (whole > 0)
        {
            blocks.narrow(0, 0, whole).narrow(1, 0, columns).copy_(matrix.Tensor.narrow(0, 0, whole * Lanes.Count)
                .reshape(whole, Lanes.Count, columns).transpose(1, 2));
        }
        if (rest > 0)
        {
            blocks.select(0, whole).narrow(0, 0, columns).narrow(1, 0, rest)
                .copy_(matrix.Tensor.narrow(0, whole * Lanes.Count, rest).t());
        }
        return new BFloat16Matrix(matrix, blocks);
    }

    protected override Tensor Product(Tensor x) => BlockProducts.Product<BFloat16Blocks>(x, blocks, Rows);
}
