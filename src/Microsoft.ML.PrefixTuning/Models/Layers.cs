using System.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>The small parts of a block, as pure functions of tensors and frozen weights.</summary>
internal static class Layers
{
    /// <summary>x W^T + b.</summary>
    /// <param name="x">[..., in].</param>
    /// <param name="linear">Weight [out, in].</param>
    /// <returns>[..., out].</returns>
    public static Tensor Apply(this Linear linear, Tensor x) => linear.Weight.Product(x, linear.Bias);

    /// <summary>The norm of the innermost axis, computed in float32, in the type of its input.</summary>
    public static Tensor Apply(this Norm norm, Tensor x, NormSpec spec)
    {
        if (RowKernels.Suits(x))
            return RowKernels.Norm(x, norm, spec);
        if (spec.Kind != NormKind.Layer && RootMeanSquareNorm.Suits(x, norm.Weight))
            return RootMeanSquareNorm.Of(x, norm.Weight, spec.Epsilon);
        ScalarType type = x.dtype;
        Tensor wide = type == ScalarType.Float32 ? x : x.to(ScalarType.Float32);
        Tensor normed = spec.Kind switch
        {
            NormKind.Layer =>
                nn.functional.layer_norm(wide, [wide.size(Axis.Last)], norm.Weight, norm.Bias, spec.Epsilon),
            NormKind.RootMeanSquare or NormKind.RootMeanSquareOfOnePlus =>
                RootMeanSquare(wide, norm.Weight, spec.Epsilon),
            _ => throw new UnreachableException($"Norm {spec.Kind} is not known here."),
        };
        return type == ScalarType.Float32 ? normed : normed.to(type);
    }

    /// <summary>x below a soft cap: cap tanh(x / cap).</summary>
    public static Tensor Capped(Tensor x, double cap) =>
        (x * Scalars.Real(1 / cap)).tanh() * Scalars.Real(cap);

    /// <summary>The feed-forward half of a block.</summary>
    public static Tensor FeedForward(BlockWeights block, FeedForwardSpec spec, Tensor x)
    {
        if (block.Gate is null)
            return block.Down.Apply(Activate(block.Up.Apply(x), spec.Activation));
        return block.Down.Apply(Gated(block.Gate.Apply(x), block.Up.Apply(x), spec.Activation));
    }

    /// <summary>activation(gate) * up; in the place of gate where that is one new token a row.</summary>
    /// <param name="gate">[B, L, inner].</param>
    /// <param name="up">The same.</param>
    /// <param name="activation">The activation.</param>
    public static Tensor Gated(Tensor gate, Tensor up, Activation activation)
    {
        if (activation == Activation.Silu && RowKernels.Suits(gate))
        {
            RowKernels.Gate(gate, up);
            return gate;
        }
        return activation == Activation.Silu && TrainedKernels.Suits(gate) && TrainedKernels.Suits(up)
            && gate.dtype == up.dtype
            ? SwiGlu.Of(gate, up) : Activate(gate, activation) * up;
    }

    /// <summary>A layer's output and what its adapter adds to it.</summary>
    /// <param name="adapter">The adapter.</param>
    /// <param name="x">[B, L, E].</param>
    public static Tensor Apply(this BottleneckAdapter adapter, Tensor x)
    {
        Tensor normed = nn.functional.layer_norm(x, [x.size(Axis.Last)]);
        return x.Plus(adapter.Up.Apply(Activate(adapter.Down.Apply(normed), Activation.Relu)));
    }

    private static Tensor RootMeanSquare(Tensor x, Tensor weight, double epsilon)
    {
        // Mean of squares over the innermost axis; [..., 1].
        Tensor inverse = (x * x).mean([Axis.Last], keepdim: true).PlusInPlace(Scalars.Real(epsilon)).rsqrt_();
        return x * inverse * weight;
    }

    private static Tensor Activate(Tensor x, Activation activation) => activation switch
    {
        Activation.Silu => nn.functional.silu(x),
        Activation.Relu => nn.functional.relu(x),
        Activation.Gelu => nn.functional.gelu(x),
        Activation.GeluTanh => nn.functional.gelu(x, GELU.Approximate.tanh),
        _ => throw new UnreachableException($"Activation {activation} is not known here."),
    };
}
