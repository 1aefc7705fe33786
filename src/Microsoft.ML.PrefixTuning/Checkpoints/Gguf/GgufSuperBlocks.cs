using System;
using System.Runtime.Intrinsics;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>
/// The K types: blocks of 256 elements in groups of 16 or 32 with scales of a few bits, under one half scale or two.
/// Sources and exactness as in <see cref="GgufBlocks"/>.
/// </summary>
internal static class GgufSuperBlocks
{
    private const int Elements = 256;

    /// <summary>
    /// 16 bytes of scale (low nibble) and minimum (high); 64 bytes of four elements; half scales of both.
    /// </summary>
    public static void Q2K(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[84..], values = values[Elements..])
        {
            float scale = GgufBlocks.Half(blocks[80..]), minimum = GgufBlocks.Half(blocks[82..]);
            for (int group = 0; group < 16; group++)
            {
                // Group g: half g / 8 of the bytes, bits 2 * (g / 2 mod 4) on, 16 bytes of 32.
                Vector128<byte> quads = Vector128.Create(blocks[(16 + group / 8 * 32 + group % 2 * 16)..]);
                GgufBlocks.Store(Pair(quads, group / 2 % 4).AsSByte(), scale * (blocks[group] & 0xF),
                    -(minimum * (blocks[group] >> 4)), values[(16 * group)..]);
            }
        }
    }

    /// <summary>
    /// 32 bytes of third bits (0 means minus 4); 64 bytes of four elements; 16 scales of 6 bits; half scale.
    /// </summary>
    public static void Q3K(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[110..], values = values[Elements..])
        {
            float scale = GgufBlocks.Half(blocks[108..]);
            ReadOnlySpan<byte> scales = blocks.Slice(96, 12);
            for (int group = 0; group < 16; group++)
            {
                Vector128<byte> quads = Vector128.Create(blocks[(32 + group / 8 * 32 + group % 2 * 16)..]);
                Vector128<byte> third = Vector128.Create(blocks[(group % 2 * 16)..]) >> (group / 2);
                Vector128<byte> less = (~third & Vector128<byte>.One) << 2;
                int own = (scales[group % 8] >> (group / 8 * 4) & 0xF) | (scales[8
                    + group % 4] >> (group / 4 * 2) & 3) << 4;
                GgufBlocks.Store((Pair(quads, group / 2 % 4) - less).AsSByte(), scale * (own - 32), GgufBlocks.NoOffset,
                    values[(16 * group)..]);
            }
        }
    }

    /// <summary>Half scales of scales and minima; 8 of both of 6 bits; 128 bytes of two elements.</summary>
    public static void Q4K(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[144..], values = values[Elements..])
        {
            float scale = GgufBlocks.Half(blocks), minimum = GgufBlocks.Half(blocks[2..]);
            for (int group = 0; group < 8; group++)
            {
                (int own, int less) = ScaleAndMinimum(blocks.Slice(4, 12), group);
                ReadOnlySpan<byte> pairs = blocks.Slice(16 + group / 2 * 32, 32);
                GgufBlocks.Store(Nibble(pairs, group % 2), Nibble(pairs[16..], group % 2), scale * own,
                    -(minimum * less),
                    values[(32 * group)..]);
            }
        }
    }

    /// <summary>As <see cref="Q4K"/>, with 32 bytes of fifth bits before the pairs.</summary>
    public static void Q5K(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[176..], values = values[Elements..])
        {
            float scale = GgufBlocks.Half(blocks), minimum = GgufBlocks.Half(blocks[2..]);
            for (int group = 0; group < 8; group++)
            {
                (int own, int less) = ScaleAndMinimum(blocks.Slice(4, 12), group);
                ReadOnlySpan<byte> pairs = blocks.Slice(48 + group / 2 * 32, 32);
                Vector128<sbyte> first = Nibble(pairs, group % 2) | FifthBits(blocks[16..], group);
                Vector128<sbyte> second = Nibble(pairs[16..], group % 2) | FifthBits(blocks[32..], group);
                GgufBlocks.Store(first, second, scale * own, -(minimum * less), values[(32 * group)..]);
            }
        }
    }

    /// <summary>
    /// 128 bytes of low nibbles; 64 bytes of four upper pairs of bits; 16 signed scales; half scale; middle 32.
    /// </summary>
    public static void Q6K(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; !blocks.IsEmpty; blocks = blocks[210..], values = values[Elements..])
        {
            float scale = GgufBlocks.Half(blocks[208..]);
            for (int group = 0; group < 16; group++)
            {
                int half = group / 8, within = group % 8;
                Vector128<sbyte> low = Nibble(blocks[(half * 64 + within % 4 * 16)..], within / 4);
                Vector128<byte> upper =
                    Pair(Vector128.Create(blocks[(128 + half * 32 + within % 2 * 16)..]), within / 2);
                GgufBlocks.Store((low | (upper << 4).AsSByte()) - Vector128.Create((sbyte)32),
                    scale * (sbyte)blocks[192 + group], GgufBlocks.NoOffset, values[(16 * group)..]);
            }
        }
    }

    private static Vector128<byte> Pair(Vector128<byte> quads, int index) =>
        (quads >> (2 * index)) & Vector128.Create((byte)3);

    private static Vector128<sbyte> Nibble(ReadOnlySpan<byte> pairs, int index)
    {
        Vector128<byte> bytes = Vector128.Create(pairs);
        return index == 0 ? GgufBlocks.Low(bytes) : GgufBlocks.High(bytes);
    }

    private static Vector128<sbyte> FifthBits(ReadOnlySpan<byte> bits, int group) =>
        (((Vector128.Create(bits) >> group) & Vector128<byte>.One) << 4).AsSByte();

    // Groups 0 to 3 have six bits in one byte; of 4 to 7 the upper two bits lie above those of 0 to 3.
    public static (int Scale, int Minimum) ScaleAndMinimum(ReadOnlySpan<byte> packed, int group) => group < 4
        ? (packed[group] & 0x3F, packed[group + 4] & 0x3F)
        : ((packed[group + 4] & 0xF) | (packed[group - 4] >> 2 & 0x30),
            packed[group + 4] >> 4 | (packed[group] >> 2 & 0x30));
}
