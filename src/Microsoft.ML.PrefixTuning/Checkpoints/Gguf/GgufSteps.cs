using System;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Checkpoints.Gguf;

/// <summary>Reads a whole number of blocks as steps.</summary>
/// <param name="blocks">Bytes of the blocks.</param>
/// <param name="steps">0 to 15, a byte an element.</param>
/// <param name="scales">One a group of 32 elements.</param>
/// <param name="offsets">One a group of 32 elements.</param>
internal delegate void GgufStepReader(ReadOnlySpan<byte> blocks, Span<byte> steps, Span<float> scales,
    Span<float> offsets);

/// <summary>
/// The types whose elements are one of 16 steps of a group of 32, as <see cref="StepRows"/> has them. The layouts are
/// those of <see cref="GgufBlocks"/> and <see cref="GgufSuperBlocks"/>.
/// </summary>
internal static class GgufSteps
{
    private const int Half = StepRows.Group / 2;

    /// <summary>How a type is read so; null for a type of other steps or groups.</summary>
    public static GgufStepReader? Of(GgufType type) => type.Name switch
    {
        "Q4_0" => Q40,
        "Q4_1" => Q41,
        "Q4_K" => Q4K,
        _ => null,
    };

    private static void Q40(ReadOnlySpan<byte> blocks, Span<byte> steps, Span<float> scales, Span<float> offsets)
    {
        for (int block = 0; !blocks.IsEmpty; block++, blocks = blocks[18..])
        {
            scales[block] = GgufBlocks.Half(blocks);
            offsets[block] = -8 * scales[block];
            Pairs(blocks.Slice(2, Half), steps.Slice(block * StepRows.Group, StepRows.Group));
        }
    }

    private static void Q41(ReadOnlySpan<byte> blocks, Span<byte> steps, Span<float> scales, Span<float> offsets)
    {
        for (int block = 0; !blocks.IsEmpty; block++, blocks = blocks[20..])
        {
            (scales[block], offsets[block]) = (GgufBlocks.Half(blocks), GgufBlocks.Half(blocks[2..]));
            Pairs(blocks.Slice(4, Half), steps.Slice(block * StepRows.Group, StepRows.Group));
        }
    }

    private static void Q4K(ReadOnlySpan<byte> blocks, Span<byte> steps, Span<float> scales, Span<float> offsets)
    {
        for (int at = 0; !blocks.IsEmpty; blocks = blocks[144..])
        {
            float scale = GgufBlocks.Half(blocks), minimum = GgufBlocks.Half(blocks[2..]);
            for (int group = 0; group < 8; group++, at++)
            {
                (int own, int less) = GgufSuperBlocks.ScaleAndMinimum(blocks.Slice(4, 12), group);
                (scales[at], offsets[at]) = (scale * own, -(minimum * less));
                ReadOnlySpan<byte> pairs = blocks.Slice(16 + group / 2 * StepRows.Group, StepRows.Group);
                Span<byte> target = steps.Slice(at * StepRows.Group, StepRows.Group);
                for (int i = 0; i < target.Length; i++)
                    target[i] = (byte)(group % 2 == 0 ? pairs[i] & 0xF : pairs[i] >> 4);
            }
        }
    }

    // The low nibbles are the first half of a group.
    private static void Pairs(ReadOnlySpan<byte> pairs, Span<byte> steps)
    {
        for (int i = 0; i < Half; i++)
            (steps[i], steps[Half + i]) = ((byte)(pairs[i] & 0xF), (byte)(pairs[i] >> 4));
    }
}
