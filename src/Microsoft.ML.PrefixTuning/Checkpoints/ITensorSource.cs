using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints;

/// <summary>Named tensors of a checkpoint: a file or a folder of shards. Reads one tensor at a time.</summary>
internal interface ITensorSource : IDisposable
{
    /// <summary>File or folder name, for messages.</summary>
    string Name { get; }

    /// <summary>Names of all tensors, with a fast <c>Contains</c>.</summary>
    IReadOnlyCollection<string> TensorNames { get; }

    /// <summary>What the file says about a tensor.</summary>
    TensorInfo Describe(string tensor);

    /// <summary>Reads a tensor into CPU memory as <paramref name="type"/>; the caller's to dispose.</summary>
    Tensor Read(string tensor, ScalarType type);

    /// <summary>Reads a tensor and refuses one that holds NaN or infinity.</summary>
    /// <exception cref="FormatException">A value is not finite.</exception>
    Tensor ReadFinite(string tensor, ScalarType type)
    {
        Tensor read = Read(tensor, type);
        if (FiniteCheck.AllFinite(read))
            return read;
        read.Dispose();
        throw FiniteCheck.Fault(Describe(tensor));
    }

    /// <summary>
    /// The rows of a matrix left where they lie, checked and usable as long as the source is open; null where the
    /// source gives tensors only.
    /// </summary>
    /// <param name="tensor">Its name.</param>
    /// <param name="type">The type in which they will be used.</param>
    /// <exception cref="FormatException">A value is not finite.</exception>
    IStoredRows? OpenRows(string tensor, ScalarType type) => null;

    /// <summary>
    /// SHA-256 over names, shapes, types and bytes of all tensors, hexadecimal; does not depend on their order or
    /// place.
    /// </summary>
    string ContentHash();
}

/// <summary>What a file says about a tensor.</summary>
/// <param name="Name">Its name there.</param>
/// <param name="StoredType">Its type in the file's own words, such as <c>BF16</c> or <c>Q4_1</c>.</param>
/// <param name="Shape">Its shape, outermost axis first.</param>
/// <param name="File">Name of the file that holds it, for messages.</param>
/// <param name="IsFloating">Whether it stands for floating numbers (quantised ones do).</param>
internal sealed record TensorInfo(string Name, string StoredType, long[] Shape, string File, bool IsFloating)
{
    /// <summary>File and tensor, for messages.</summary>
    public string What => $"{File}: tensor {FileText.Quote(Name)}";
}
