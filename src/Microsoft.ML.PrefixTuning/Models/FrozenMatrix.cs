using System;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// A frozen matrix W [rows, columns], however it is kept. The graph asks for products and for single rows, never for
/// the numbers themselves, so it does not know whether they lie there wide or are made anew for each product.
/// </summary>
internal abstract class FrozenMatrix
{
    /// <summary>Outputs of a linear map, tokens of an embedding.</summary>
    public abstract long Rows { get; }

    /// <summary>Inputs of a linear map, width of an embedding.</summary>
    public abstract long Columns { get; }

    /// <summary>Type of products: float32 or bfloat16.</summary>
    public abstract ScalarType Type { get; }

    public abstract Device Device { get; }

    /// <summary>x W^T + b.</summary>
    /// <param name="x">[..., columns].</param>
    /// <param name="bias">[rows] or null.</param>
    /// <returns>[..., rows].</returns>
    public abstract Tensor Product(Tensor x, Tensor? bias);

    /// <summary>y W: what a gradient of products becomes as one of their inputs.</summary>
    /// <param name="y">[..., rows].</param>
    /// <returns>[..., columns].</returns>
    public abstract Tensor BackProduct(Tensor y);

    /// <summary>Single rows.</summary>
    /// <param name="ids">[n], int64.</param>
    /// <returns>[n, columns].</returns>
    public abstract Tensor Select(Tensor ids);

    /// <summary>Some of the rows as a matrix of its own, kept in the same place.</summary>
    public abstract FrozenMatrix Slice(long start, long count);

    /// <summary>
    /// Goes over the matrix once, in blocks of rows: as a whole where it lies there wide, else in blocks that are wide
    /// only until the action returns.
    /// </summary>
    /// <param name="action">Takes the block's first row, and the block [n, columns], which it does not keep.</param>
    public abstract void ForEachBlock(Action<long, Tensor> action);
}

/// <summary>A matrix that lies in memory in the type of its products.</summary>
/// <param name="tensor">[rows, columns]; stays its owner's.</param>
internal sealed class WideMatrix(Tensor tensor) : FrozenMatrix
{
    /// <summary>[rows, columns].</summary>
    public Tensor Tensor => tensor;

    public override long Rows => tensor.size(0);

    public override long Columns => tensor.size(1);

    public override ScalarType Type => tensor.dtype;

    public override Device Device => tensor.device;

    public override Tensor Product(Tensor x, Tensor? bias) => RowProducts.Suits(x, tensor)
        ? RowProducts.Product(x, tensor, bias) : nn.functional.linear(x, tensor, bias);

    public override Tensor BackProduct(Tensor y) => y.matmul(tensor);

    public override Tensor Select(Tensor ids) => tensor.index_select(0, ids);

    public override FrozenMatrix Slice(long start, long count) =>
        new WideMatrix(tensor.narrow(0, start, count).DetachFromDisposeScope());

    public override void ForEachBlock(Action<long, Tensor> action) => action(0, tensor);
}
