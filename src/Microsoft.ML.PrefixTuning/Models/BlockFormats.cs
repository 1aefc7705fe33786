using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// How sixteen rows of a weight lie together in memory: a column's sixteen numbers beside each other, so that a
/// processor multiplies them at once with a number of x.
/// </summary>
internal unsafe interface IBlockFormat
{
    /// <summary>Columns that a block has a multiple of; even.</summary>
    static abstract int Step { get; }

    /// <summary>Bytes of so many columns.</summary>
    static abstract int StepBytes { get; }

    /// <summary>Columns that share their scales: a multiple of <see cref="Step"/>, or all there are.</summary>
    static abstract int Group { get; }

    /// <summary>What a group's steps are made numbers with.</summary>
    /// <param name="block">Where the block begins.</param>
    /// <param name="column">The first column of the group.</param>
    static abstract GroupScale<T> Open<T>(byte* block, nint column)
        where T : struct, ILanes<T>;

    /// <summary>Sixteen numbers each of two columns.</summary>
    /// <param name="block">Where the block begins.</param>
    /// <param name="column">The first of them, even.</param>
    /// <param name="group">Of the group that they are in.</param>
    /// <param name="first">Those of the first column.</param>
    /// <param name="second">Those of the second one.</param>
    static abstract void LoadPair<T>(byte* block, nint column, in GroupScale<T> group, out T first, out T second)
        where T : struct, ILanes<T>;
}

/// <summary>Scales and numbers of step 0 of sixteen rows.</summary>
internal readonly struct GroupScale<T>(T scale, T offset)
    where T : struct
{
    public readonly T Scale = scale;
    public readonly T Offset = offset;
}

/// <summary>A byte a number, without the scale of its row.</summary>
internal readonly unsafe struct Int8Blocks : IBlockFormat
{
    public static int Step => 2;

    public static int StepBytes => 2 * Lanes.Count;

    public static int Group => int.MaxValue;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GroupScale<T> Open<T>(byte* block, nint column)
        where T : struct, ILanes<T> => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadPair<T>(byte* block, nint column, in GroupScale<T> group, out T first, out T second)
        where T : struct, ILanes<T>
    {
        sbyte* numbers = (sbyte*)block + column * Lanes.Count;
        (first, second) = (T.LoadInt8(numbers), T.LoadInt8(numbers + Lanes.Count));
    }

    /// <summary>Lays rows into blocks that were zero.</summary>
    /// <param name="numbers">[n, columns].</param>
    /// <param name="columns">Numbers of a row.</param>
    /// <param name="firstRow">Where the first of them is in the matrix.</param>
    /// <param name="blocks">All blocks.</param>
    /// <param name="blockBytes">Bytes of one.</param>
    public static void Pack(ReadOnlySpan<byte> numbers, int columns, long firstRow, Span<byte> blocks, int blockBytes)
    {
        for (long row = firstRow; numbers.Length > 0; row++, numbers = numbers[columns..])
        {
            Span<byte> block = blocks.Slice((int)(row / Lanes.Count) * blockBytes, blockBytes);
            for (int column = 0, lane = (int)(row % Lanes.Count); column < columns; column++)
                block[column * Lanes.Count + lane] = numbers[column];
        }
    }

    /// <summary>One row of a block, times its scale.</summary>
    public static void Unpack(ReadOnlySpan<byte> block, int lane, float scale, Span<float> wide)
    {
        for (int column = 0; column < wide.Length; column++)
            wide[column] = (sbyte)block[column * Lanes.Count + lane] * scale;
    }
}

/// <summary>
/// Groups of 32 columns in steps of 4 bits: 256 bytes of steps, two columns in the lower and upper halves of sixteen;
/// behind them each row's scale of a step and its number of step 0, in bfloat16.
/// </summary>
internal readonly unsafe struct Int4Blocks : IBlockFormat
{
    private const int HalvesBytes = StepRows.Group / 2 * Lanes.Count;
    private const int NumbersBytes = Lanes.Count * sizeof(ushort);

    public static int Step => StepRows.Group;

    public static int StepBytes => HalvesBytes + 2 * NumbersBytes;

    public static int Group => StepRows.Group;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GroupScale<T> Open<T>(byte* block, nint column)
        where T : struct, ILanes<T>
    {
        byte* numbers = block + column / StepRows.Group * StepBytes + HalvesBytes;
        return new(T.LoadBFloat16((ushort*)numbers), T.LoadBFloat16((ushort*)(numbers + NumbersBytes)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadPair<T>(byte* block, nint column, in GroupScale<T> group, out T first, out T second)
        where T : struct, ILanes<T>
    {
        byte* halves = block + column / StepRows.Group * StepBytes + column % StepRows.Group / 2 * Lanes.Count;
        first = T.MultiplyAdd(T.LoadHalves(halves, upper: false), group.Scale, group.Offset);
        second = T.MultiplyAdd(T.LoadHalves(halves, upper: true), group.Scale, group.Offset);
    }

    /// <summary>Lays rows into blocks that were zero.</summary>
    /// <param name="steps">[n, columns], 0 to 15.</param>
    /// <param name="numbers">[n, groups, 2]: scale and number of step 0, bfloat16.</param>
    /// <param name="columns">Steps of a row, whole groups.</param>
    /// <param name="firstRow">Where the first of them is in the matrix.</param>
    /// <param name="blocks">All blocks.</param>
    /// <param name="blockBytes">Bytes of one.</param>
    public static void Pack(ReadOnlySpan<byte> steps, ReadOnlySpan<ushort> numbers, int columns, long firstRow,
        Span<byte> blocks, int blockBytes)
    {
        for (long row = firstRow; steps.Length > 0; row++)
        {
            Span<byte> block = blocks.Slice((int)(row / Lanes.Count) * blockBytes, blockBytes);
            int lane = (int)(row % Lanes.Count);
            for (int column = 0; column < columns; column++)
            {
                int half = column % StepRows.Group / 2 * Lanes.Count + lane;
                block[column / StepRows.Group * StepBytes + half] |= (byte)(steps[column] << (column % 2 * 4));
            }
            for (int group = 0; group < columns / StepRows.Group; group++)
            {
                Span<ushort> own = MemoryMarshal.Cast<byte, ushort>(block[(group * StepBytes + HalvesBytes)..]);
                (own[lane], own[Lanes.Count + lane]) = (numbers[2 * group], numbers[2 * group + 1]);
            }
            steps = steps[columns..];
            numbers = numbers[(columns / StepRows.Group * 2)..];
        }
    }

    /// <summary>One row of a block.</summary>
    public static void Unpack(ReadOnlySpan<byte> block, int lane, Span<float> wide)
    {
        for (int column = 0; column < wide.Length; column++)
        {
            ReadOnlySpan<byte> group = block[(column / StepRows.Group * StepBytes)..];
            ReadOnlySpan<ushort> numbers = MemoryMarshal.Cast<byte, ushort>(group[HalvesBytes..StepBytes]);
            int step = group[column % StepRows.Group / 2 * Lanes.Count + lane] >> (column % 2 * 4) & 15;
            wide[column] = float.FusedMultiplyAdd(step, Lanes.Wide(numbers[lane]),
                Lanes.Wide(numbers[Lanes.Count + lane]));
        }
    }
}
