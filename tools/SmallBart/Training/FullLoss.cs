using System;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.SmallBart.Training;

/// <summary>
/// Cross-entropy and its gradients in chunks, as <see cref="TargetLoss"/> does it, for a head that learns too.
/// </summary>
internal static class FullLoss
{
    /// <summary>The sum of the tokens' losses and its gradients.</summary>
    /// <param name="model">The model.</param>
    /// <param name="states">Hidden states and the tokens they predict.</param>
    /// <returns>
    /// Sum in nats; gradients of the hidden states [T, E], in their type, and of the head [V, E], float32.
    /// </returns>
    public static (double Sum, Tensor OfHidden, Tensor OfHead) WithGradient(LanguageModel model, TargetStates states)
    {
        using var noGradient = no_grad();
        double sum = 0;
        (Tensor hidden, Tensor labels) = states;
        long count = hidden.size(0), size = TargetLoss.ChunkTokens(model);
        FrozenMatrix head = model.Weights.Head;
        Tensor ofHidden = empty_like(hidden), ofHead = zeros([head.Rows, head.Columns], ScalarType.Float32);
        for (long start = 0; start < count; start += size)
        {
            using var scope = NewDisposeScope();
            long length = Math.Min(size, count - start);
            Tensor read = hidden.narrow(0, start, length);
            Tensor column = labels.narrow(0, start, length).unsqueeze(-1);
            Tensor scores = model.Logits(read).log_softmax(Axis.Last, ScalarType.Float32);              // [C, V]
            sum -= scores.gather(1, column).sum().ToSingle();
            // Probability minus wanted probability.
            Tensor gradient = scores.exp_().scatter_add_(1, column,
                full_like(column, Scalars.MinusOne, ScalarType.Float32)).to(hidden.dtype);
            ofHidden.narrow(0, start, length).copy_(head.BackProduct(gradient));
            ofHead.PlusInPlace(gradient.t().matmul(read));
        }
        return (sum, ofHidden, ofHead);
    }
}
