using System;
using Microsoft.ML.PrefixTuning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Bases;

/// <summary>How a base's numbers are kept and used; not part of its identity.</summary>
/// <param name="Type">Type of products: Float32 or BFloat16.</param>
/// <param name="Matrices">How matrices are kept.</param>
internal readonly record struct BaseForm(ScalarType Type, MatrixForm Matrices = MatrixForm.Wide)
{
    /// <summary>Whether matrices lie in their file, which stays open.</summary>
    public bool AsStored => Matrices == MatrixForm.AsStored;

    /// <summary>Refuses a device that has no products for it.</summary>
    /// <exception cref="NotSupportedException">Numbers of few bits, and a device other than the CPU.</exception>
    public void Check(Device device)
    {
        if (Matrices is not (MatrixForm.Wide or MatrixForm.AsStored) && device.type != DeviceType.CPU)
        {
            throw new NotSupportedException($"Precision {Matrices}: expected the device cpu, found"
                + $" {device.ToString().ToLowerInvariant()}. Products with numbers of few bits are the CPU's.");
        }
    }

    /// <summary>All numbers wide, in the type of the products.</summary>
    public static implicit operator BaseForm(ScalarType type) => new(type);
}
