using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.SmallBart.Training;

/// <summary>Weights that a training moves, and the graph over them.</summary>
internal interface IMovableWeights
{
    /// <summary>What moves, in words; a saved state names it.</summary>
    string Method { get; }

    /// <summary>The graph.</summary>
    LanguageModel Model { get; }

    /// <summary>All numbers that move, float32, [numbers]. After a change: <see cref="Refresh"/>.</summary>
    Tensor Master { get; }

    /// <summary>Tells the graph what the numbers are.</summary>
    void Refresh();

    /// <summary>The cross-entropy of a batch and its gradient.</summary>
    /// <param name="states">A batch through <see cref="Model"/>, with gradients on.</param>
    /// <returns>Sum over the target tokens in nats; gradient as <see cref="Master"/> lies, float32.</returns>
    (double Sum, Tensor Gradient) Gradient(TargetStates states);
}
