using System;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>
/// Types whose blocks of 32 elements have one scale and perhaps one offset, halves both. Sources: ggml's
/// <c>ggml-common.h</c> and gguf-py's <c>quants.py</c>, whose float32 values are met bit for bit: products of a half
/// and a few bits are exact, so the one rounding is that of the sum.
/// </summary>
internal static class GgufBlocks
{
    /// <summary>Added in place of an offset; unlike 0 it leaves every value as it is, also -0.</summary>
    public const float NoOffset = -0f;

    private const int Elements = 32;

    /// <summary>Half scale; 16 bytes of two elements each, low nibbles first: <c>scale * (nibble - 8)</c>.</summary>
    public static void Q40(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[18..], values = values[Elements..])
        {
            Vector128<byte> pairs = Vector128.Create(blocks[2..]);
            Vector128<sbyte> middle = Vector128.Create((sbyte)8);
            Store(Low(pairs) - middle, High(pairs) - middle, Half(blocks), NoOffset, values);
        }
    }

    /// <summary>Half scale, half offset; 16 bytes of two elements each: <c>scale * nibble + offset</c>.</summary>
    public static void Q41(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[20..], values = values[Elements..])
        {
            Vector128<byte> pairs = Vector128.Create(blocks[4..]);
            Store(Low(pairs), High(pairs), Half(blocks), Half(blocks[2..]), values);
        }
    }

    /// <summary>
    /// Half scale; the fifth bits of all elements; 16 bytes of two elements each: <c>scale * (bits - 16)</c>.
    /// </summary>
    public static void Q50(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[22..], values = values[Elements..])
        {
            Vector128<byte> pairs = Vector128.Create(blocks[6..]);
            Vector128<sbyte> middle = Vector128.Create((sbyte)16);
            Store((Low(pairs) | FifthBits(blocks[2..])) - middle, (High(pairs) | FifthBits(blocks[4..])) - middle,
                Half(blocks), NoOffset, values);
        }
    }

    /// <summary>As <see cref="Q50"/>, with an offset: <c>scale * bits + offset</c>.</summary>
    public static void Q51(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[24..], values = values[Elements..])
        {
            Vector128<byte> pairs = Vector128.Create(blocks[8..]);
            Store(Low(pairs) | FifthBits(blocks[4..]), High(pairs) | FifthBits(blocks[6..]),
                Half(blocks), Half(blocks[2..]), values);
        }
    }

    /// <summary>Half scale; 32 signed bytes: <c>scale * byte</c>.</summary>
    public static void Q80(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[34..], values = values[Elements..])
        {
            Store(Vector128.Create(blocks[2..]).AsSByte(), Vector128.Create(blocks[18..]).AsSByte(), Half(blocks),
                NoOffset, values);
        }
    }

    /// <summary>The half at the front.</summary>
    public static float Half(ReadOnlySpan<byte> bytes) => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes);

    public static Vector128<sbyte> Low(Vector128<byte> pairs) => (pairs & Vector128.Create((byte)0xF)).AsSByte();

    public static Vector128<sbyte> High(Vector128<byte> pairs) => (pairs >> 4).AsSByte();

    /// <summary>Writes 32 elements: <c>scale * element + offset</c>.</summary>
    public static void Store(Vector128<sbyte> first, Vector128<sbyte> second, float scale, float offset,
        Span<float> values)
    {
        Store(first, scale, offset, values);
        Store(second, scale, offset, values[16..]);
    }

    /// <summary>Writes 16 elements: <c>scale * element + offset</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<sbyte> elements, float scale, float offset, Span<float> values)
    {
        ref float target = ref MemoryMarshal.GetReference(values[..16]);
        if (Avx2.IsSupported)
        {
            Store(Avx2.ConvertToVector256Int32(elements), scale, offset, ref target);
            Store(Avx2.ConvertToVector256Int32(Sse2.ShiftRightLogical128BitLane(elements, 8)), scale, offset,
                ref Unsafe.Add(ref target, 8));
            return;
        }
        (Vector128<short> low, Vector128<short> high) = Vector128.Widen(elements);
        Store(low, scale, offset, ref target);
        Store(high, scale, offset, ref Unsafe.Add(ref target, 8));
    }

    private static void Store(Vector256<int> elements, float scale, float offset, ref float target) =>
        (Vector256.ConvertToSingle(elements) * scale + Vector256.Create(offset)).StoreUnsafe(ref target);

    private static void Store(Vector128<short> elements, float scale, float offset, ref float target)
    {
        (Vector128<int> low, Vector128<int> high) = Vector128.Widen(elements);
        Vector128<float> shift = Vector128.Create(offset);
        (Vector128.ConvertToSingle(low) * scale + shift).StoreUnsafe(ref target);
        (Vector128.ConvertToSingle(high) * scale + shift).StoreUnsafe(ref target, 4);
    }

    // 16 where bit i of the two bytes is set, for element i.
    private static Vector128<sbyte> FifthBits(ReadOnlySpan<byte> bytes)
    {
        Vector128<byte> spread = Vector128.Create(Vector64.Create(bytes[0]), Vector64.Create(bytes[1]));
        Vector128<byte> place = Vector128.Create(0x8040_2010_0804_0201ul).AsByte();
        return (Vector128.Equals(spread & place, place) & Vector128.Create((byte)16)).AsSByte();
    }
}
