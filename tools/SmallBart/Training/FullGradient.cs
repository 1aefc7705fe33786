using System;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.SmallBart.Training;

/// <summary>The loss of a batch and its gradient with respect to all weights.</summary>
internal static class FullGradient
{
    /// <summary>Goes back through the graph.</summary>
    /// <param name="model">What is trained.</param>
    /// <param name="states">A batch through <see cref="TrainableModel.Model"/>.</param>
    /// <returns>Sum over the target tokens in nats; gradient as <see cref="TrainableModel.Master"/> lies.</returns>
    public static (double Sum, Tensor Gradient) Of(TrainableModel model, TargetStates states)
    {
        (double sum, Tensor ofHidden, Tensor ofHead) = FullLoss.WithGradient(model.Model, states);
        Tensor[] leaves = [.. model.Leaves];
        Tensor[] gradients = WayBack.Gradients([states.Hidden], leaves, [ofHidden]);
        using var noGradient = no_grad();
        Tensor embedding = ((WideMatrix)model.Model.Weights.Embedding).Tensor;
        int head = Array.FindIndex(leaves, leaf => ReferenceEquals(leaf, embedding));
        gradients[head] = ofHead.PlusInPlace(gradients[head]);
        return (sum, model.Flatten(gradients));
    }
}
