using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Bases;

/// <summary>How a base's numbers are kept and used; not part of its identity.</summary>
/// <param name="Type">Type of products: Float32 or BFloat16.</param>
/// <param name="AsStored">Whether matrices stay as they are stored and are widened to it when they are used.</param>
internal readonly record struct BaseForm(ScalarType Type, bool AsStored = false)
{
    /// <summary>All numbers wide, in the type of the products.</summary>
    public static implicit operator BaseForm(ScalarType type) => new(type);
}
