using System;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>The plain floating types, rounding to bfloat16, and the search for values that are not finite.</summary>
internal static class GgufFloats
{
    private const uint SignBit = 0x8000_0000, InfinityBits = 0x7F80_0000;

    // From here on a float32 rounds to an infinite bfloat16.
    private const uint BFloat16Overflow = 0x7F7F_8000;

    public static void F32(ReadOnlySpan<byte> blocks, Span<float> values) =>
        blocks.CopyTo(MemoryMarshal.AsBytes(values));

    public static void F16(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        ReadOnlySpan<ushort> halves = MemoryMarshal.Cast<byte, ushort>(blocks);
        ref ushort source = ref MemoryMarshal.GetReference(halves);
        ref float target = ref MemoryMarshal.GetReference(values);
        int i = 0;
        for (; i + Vector128<ushort>.Count <= halves.Length; i += Vector128<ushort>.Count)
        {
            (Vector128<uint> low, Vector128<uint> high) = Vector128.Widen(Vector128.LoadUnsafe(ref source, (nuint)i));
            Widen(low).StoreUnsafe(ref target, (nuint)i);
            Widen(high).StoreUnsafe(ref target, (nuint)i + 4);
        }
        for (; i < halves.Length; i++)
            values[i] = (float)BitConverter.UInt16BitsToHalf(halves[i]);
    }

    public static void BF16(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        ReadOnlySpan<ushort> upper = MemoryMarshal.Cast<byte, ushort>(blocks);
        ref ushort source = ref MemoryMarshal.GetReference(upper);
        ref float target = ref MemoryMarshal.GetReference(values);
        int i = 0;
        for (; i + Vector256<ushort>.Count <= upper.Length; i += Vector256<ushort>.Count)
        {
            (Vector256<uint> low, Vector256<uint> high) = Vector256.Widen(Vector256.LoadUnsafe(ref source, (nuint)i));
            (low << 16).AsSingle().StoreUnsafe(ref target, (nuint)i);
            (high << 16).AsSingle().StoreUnsafe(ref target, (nuint)i + 8);
        }
        for (; i < upper.Length; i++)
            values[i] = BitConverter.UInt32BitsToSingle((uint)upper[i] << 16);
    }

    /// <summary>Rounds finite floats to bfloat16, to the nearest and ties to even, as torch does.</summary>
    public static void Round(ReadOnlySpan<float> values, Span<ushort> rounded)
    {
        ref float source = ref MemoryMarshal.GetReference(values);
        ref ushort target = ref MemoryMarshal.GetReference(rounded);
        int i = 0;
        for (; i + Vector256<ushort>.Count <= values.Length; i += Vector256<ushort>.Count)
        {
            Vector256<uint> low = Vector256.LoadUnsafe(ref source, (nuint)i).AsUInt32();
            Vector256<uint> high = Vector256.LoadUnsafe(ref source, (nuint)i + 8).AsUInt32();
            Vector256.Narrow(Round(low), Round(high)).StoreUnsafe(ref target, (nuint)i);
        }
        for (; i < values.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(values[i]);
            rounded[i] = (ushort)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
        }
    }

    /// <summary>Whether all values are finite, also as bfloat16 where that is asked.</summary>
    public static bool AreFinite(ReadOnlySpan<float> values, bool asBFloat16)
    {
        uint limit = asBFloat16 ? BFloat16Overflow : InfinityBits;
        ReadOnlySpan<uint> bits = MemoryMarshal.Cast<float, uint>(values);
        ref uint source = ref MemoryMarshal.GetReference(bits);
        Vector<uint> largest = Vector<uint>.Zero;
        int i = 0;
        for (; i + Vector<uint>.Count <= bits.Length; i += Vector<uint>.Count)
            largest = Vector.Max(largest, Vector.LoadUnsafe(ref source, (nuint)i) & new Vector<uint>(~SignBit));
        bool finite = Vector.LessThanAll(largest, new Vector<uint>(limit));
        for (; i < bits.Length; i++)
            finite &= (bits[i] & ~SignBit) < limit;
        return finite;
    }

    // Exponent and fraction at their place in a float32, then the difference of the two biases by a multiplication,
    // which also makes normal numbers of subnormal ones. Infinity and NaN keep an exponent of all ones.
    private static Vector128<float> Widen(Vector128<uint> half)
    {
        Vector128<uint> magnitude = (half & Vector128.Create(0x7FFFu)) << 13;
        Vector128<uint> value = (magnitude.AsSingle() * BitConverter.UInt32BitsToSingle(0x7780_0000))
            .AsUInt32(); // 2^112
        value |= Vector128.GreaterThanOrEqual(magnitude,
            Vector128.Create(0x7C00u << 13)) & Vector128.Create(InfinityBits);
        return (value | (half & Vector128.Create(0x8000u)) << 16).AsSingle();
    }

    private static Vector256<uint> Round(Vector256<uint> bits) =>
        (bits + Vector256.Create(0x7FFFu) + (bits >> 16 & Vector256<uint>.One)) >> 16;
}
