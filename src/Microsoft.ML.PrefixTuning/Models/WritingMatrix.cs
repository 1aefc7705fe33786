using System;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>A matrix whose products take and give float32 and have no gradient: it is for writing.</summary>
/// <param name="name">What it is, as the beginning of a sentence.</param>
internal abstract class WritingMatrix(string name) : FrozenMatrix
{
    public override ScalarType Type => ScalarType.Float32;

    /// <exception cref="InvalidOperationException">A gradient is wanted.</exception>
    public override Tensor Product(Tensor x, Tensor? bias)
    {
        if (is_grad_enabled() && x.requires_grad)
        {
            throw new InvalidOperationException(
                $"{name} is for writing: expected no gradient through it, found one.");
        }
        Tensor product = Product(x);
        if (bias is not null)
            product.PlusInPlace(bias);
        long[] shape = x.shape;
        shape[^1] = Rows;
        return product.view(shape);
    }

    /// <summary>x W^T.</summary>
    /// <param name="x">[..., columns].</param>
    /// <returns>[n, rows], float32, contiguous.</returns>
    protected abstract Tensor Product(Tensor x);
}
