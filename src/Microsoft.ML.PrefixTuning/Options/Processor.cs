using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.PrefixTuning.Options;

/// <summary>What the processor says of itself.</summary>
internal static class Processor
{
    // Intel's manual, CPUID leaf 7: bit 22 of EDX (AMX-BF16); of its first sub-leaf bit 5 of EAX (AVX512-BF16).
    private const int Amx = 1 << 22, Avx512 = 1 << 5;

    /// <summary>Whether it has instructions for products of bfloat16: AVX512-BF16 or AMX.</summary>
    public static bool MultipliesBFloat16 { get; } = Read();

    /// <summary>The same from the two numbers that tell.</summary>
    /// <param name="features">EDX of leaf 7.</param>
    /// <param name="further">EAX of its sub-leaf 1.</param>
    public static bool SaysBFloat16(int features, int further) => (features & Amx) != 0 || (further & Avx512) != 0;

    /// <summary>What of it decides how products are rounded, as far as it says.</summary>
    public static string Kind => $"{RuntimeInformation.ProcessArchitecture}{(Avx2.IsSupported ? ", AVX2" : "")}"
        + (Avx512F.IsSupported ? ", AVX-512" : "") + (MultipliesBFloat16 ? ", products of bfloat16" : "");

    private static bool Read()
    {
        if (!X86Base.IsSupported || X86Base.CpuId(0, 0).Eax < 7)
            return false;
        (int subLeaves, _, _, int features) = X86Base.CpuId(7, 0);
        return SaysBFloat16(features, subLeaves >= 1 ? X86Base.CpuId(7, 1).Eax : 0);
    }
}
