using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// Tensors of managed numbers, where torch aligns them. One over a managed array lies where the collector has put the
/// array, and the last bit of a product depends on that: two runs in one process differ by it.
/// </summary>
internal static class AlignedTensor
{
    /// <summary>A copy of numbers.</summary>
    /// <param name="numbers">The numbers, row after row.</param>
    /// <param name="shape">Of as many.</param>
    /// <param name="device">Where it goes.</param>
    /// <param name="type">What it becomes.</param>
    /// <returns>A tensor of the current dispose scope.</returns>
    public static Tensor Of(float[] numbers, long[] shape, Device device, ScalarType type = ScalarType.Float32)
    {
        using Tensor given = tensor(numbers, shape);
        Tensor copy = empty(shape, type, device);
        copy.copy_(given);
        return copy;
    }
}
