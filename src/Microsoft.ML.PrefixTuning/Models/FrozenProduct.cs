using System;
using System.Collections.Generic;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// x W^T + b of a frozen stored matrix for autograd. Nothing is kept for the way back: the gradient of x is that of the
/// product times W, which is widened once more. Must be used within a dispose scope that outlives the way back.
/// </summary>
internal sealed class FrozenProduct : autograd.SingleTensorFunction<FrozenProduct>
{
    private const string Matrix = "matrix";

    public override string Name => nameof(FrozenProduct);

    /// <inheritdoc/>
    /// <param name="context">Keeps the matrix.</param>
    /// <param name="arguments">x [..., columns], the <see cref="StoredMatrix"/>, its bias or null.</param>
    public override Tensor forward(autograd.AutogradContext context, params object[] arguments)
    {
        var matrix = (StoredMatrix)arguments[1];
        context.save_data(Matrix, matrix);
        return matrix.Forward((Tensor)arguments[0], (Tensor?)arguments[2], alone: false);
    }

    public override List<Tensor> backward(autograd.AutogradContext context, Tensor gradient)
    {
        using var noGradient = no_grad();
        var matrix = (StoredMatrix)context.get_data(Matrix);
        return [.. WayBack.Guarded(() => [matrix.BackProduct(gradient)], gradient,
            [.. gradient.shape.AsSpan(..^1), matrix.Columns]), null!, null!];
    }
}
