using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.PrefixTuning.Options;

/// <summary>What the processor says of itself.</summary>
internal static class Processor
{
    // Intel's manual, CPUID leaf 7: bit 22 of EDX (AMX-BF16); of its first sub-leaf bit 5 of EAX (AVX512-BF16). Leaf 0:
    // EBX has the first letters of the vendor's name.
    private const int Amx = 1 << 22, Avx512 = 1 << 5;
    private const int Intel = 'G' | 'e' << 8 | 'n' << 16 | 'u' << 24;

    /// <summary>What its own instructions do for products of bfloat16.</summary>
    public static BFloat16Products BFloat16 { get; } = Read();

    /// <summary>Whether it has instructions for products of bfloat16: AVX512-BF16 or AMX.</summary>
    public static bool MultipliesBFloat16 => BFloat16 != BFloat16Products.None;

    /// <summary>The same from the numbers that tell.</summary>
    /// <param name="vendor">EBX of leaf 0.</param>
    /// <param name="features">EDX of leaf 7.</param>
    /// <param name="further">EAX of its sub-leaf 1.</param>
    public static BFloat16Products Says(int vendor, int features, int further) =>
        (features & Amx) != 0 ? BFloat16Products.Fast
        : (further & Avx512) == 0 ? BFloat16Products.None
        : vendor == Intel ? BFloat16Products.Slow : BFloat16Products.Fast;

    /// <summary>What of it decides how products are rounded, as far as it says.</summary>
    public static string Kind => $"{RuntimeInformation.ProcessArchitecture}{(Avx2.IsSupported ? ", AVX2" : "")}"
        + (Avx512F.IsSupported ? ", AVX-512" : "") + (MultipliesBFloat16 ? ", products of bfloat16" : "");

    private static BFloat16Products Read()
    {
        if (!X86Base.IsSupported)
            return BFloat16Products.None;
        (int leaves, int vendor, _, _) = X86Base.CpuId(0, 0);
        if (leaves < 7)
            return BFloat16Products.None;
        (int subLeaves, _, _, int features) = X86Base.CpuId(7, 0);
        return Says(vendor, features, subLeaves >= 1 ? X86Base.CpuId(7, 1).Eax : 0);
    }
}

/// <summary>What a processor's instructions for products of bfloat16 are worth.</summary>
internal enum BFloat16Products
{
    /// <summary>It has none.</summary>
    None,

    /// <summary>
    /// Intel's AVX512-BF16 without AMX, as where a virtual machine hides AMX: at most as many products in the time as
    /// in float32, and half as many as libtorch uses it (docs/performance.md).
    /// </summary>
    Slow,

    /// <summary>About twice as many products as in float32, or more.</summary>
    Fast,
}
