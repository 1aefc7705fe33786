using System.Collections.Generic;
using System.Linq;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;

/// <summary>An element type of safetensors.</summary>
/// <param name="Name">Its name in the header.</param>
/// <param name="Bits">Size of an element.</param>
/// <param name="IsFloating">Whether it is a floating number.</param>
/// <param name="Tensor">The type of a tensor that holds it, or null where torch has none.</param>
internal sealed record SafeTensorsType(string Name, int Bits, bool IsFloating, ScalarType? Tensor)
{
    // huggingface/safetensors, safetensors/src/tensor.rs, enum Dtype.
    private static readonly SafeTensorsType[] All =
    [
        new("BOOL", 8, false, ScalarType.Bool), new("U8", 8, false, ScalarType.Byte),
            new("I8", 8, false, ScalarType.Int8),
        new("I16", 16, false, ScalarType.Int16), new("I32", 32, false, ScalarType.Int32),
            new("I64", 64, false, ScalarType.Int64),
        new("U16", 16, false, null), new("U32", 32, false, null), new("U64", 64, false, null),
        new("F16", 16, true, ScalarType.Float16), new("BF16", 16, true, ScalarType.BFloat16),
        new("F32", 32, true, ScalarType.Float32), new("F64", 64, true, ScalarType.Float64),
        new("C64", 64, false, ScalarType.ComplexFloat32), new("F4", 4, true, null),
        new("F6_E2M3", 6, true, null), new("F6_E3M2", 6, true, null), new("F8_E5M2", 8, true, null),
        new("F8_E4M3", 8, true, null), new("F8_E8M0", 8, true, null), new("F8_E4M3FNUZ", 8, true, null),
        new("F8_E5M2FNUZ", 8, true, null),
    ];

    private static readonly Dictionary<string, SafeTensorsType> ByName = All.ToDictionary(type => type.Name);

    private static readonly Dictionary<ScalarType, SafeTensorsType> ByTensor =
        All.Where(type => type.Tensor is not null).ToDictionary(type => type.Tensor!.Value);

    /// <summary>Size of an element in bytes; 0 for types that share bytes.</summary>
    public int Bytes => Bits / 8;

    /// <summary>The type of a name, or null.</summary>
    public static SafeTensorsType? Find(string name) => ByName.GetValueOrDefault(name);

    /// <summary>The type that stores a tensor's elements.</summary>
    public static SafeTensorsType Of(ScalarType type) => ByTensor[type];
}
