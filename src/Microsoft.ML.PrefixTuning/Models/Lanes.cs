using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// Sixteen numbers that a processor works on together. Every form makes the same bits of the same numbers, so that the
/// width of a processor's registers decides speed alone.
/// </summary>
/// <typeparam name="T">The form.</typeparam>
internal unsafe interface ILanes<T>
    where T : struct, ILanes<T>
{
    /// <summary>How many of them registers hold.</summary>
    static abstract int InRegisters { get; }

    /// <summary>The same number sixteen times.</summary>
    static abstract T All(float number);

    static abstract T Load(float* from);

    /// <summary>Of bfloat16, which is the upper half of a float32.</summary>
    static abstract T LoadBFloat16(ushort* from);

    static abstract T LoadInt8(sbyte* from);

    /// <summary>The lower or the upper 4 bits of sixteen bytes, 0 to 15.</summary>
    static abstract T LoadHalves(byte* from, bool upper);

    static abstract void Store(T lanes, float* to);

    /// <summary>Rounded to bfloat16: to the nearest, half way to the even one; what is no number stays none.</summary>
    static abstract void StoreBFloat16(T lanes, ushort* to);

    static abstract T Add(T left, T right);

    static abstract T Multiply(T left, T right);

    static abstract T Divide(T left, T right);

    /// <summary>left * right + sum, rounded once.</summary>
    static abstract T MultiplyAdd(T left, T right, T sum);

    static abstract T Exp(T lanes);

    /// <summary>The sum of the sixteen: of halves, of their halves, and so on.</summary>
    static abstract float Sum(T lanes);

    /// <summary>Four of these sums at once.</summary>
    static abstract Vector128<float> Sums(T a, T b, T c, T d);
}

/// <summary>What all forms share.</summary>
internal static class Lanes
{
    /// <summary>Numbers that are worked on together.</summary>
    public const int Count = 16;

    /// <summary>
    /// What is added to a float32's bits, beside the last one that stays, before their lower half is cut off.
    /// </summary>
    public const uint BelowHalf = 0x7FFF;

    /// <summary>Set in what is no number, so that it does not become infinite without its lower half.</summary>
    public const uint Quiet = 0x400000;

    /// <summary>Whether the processor has registers of 512 bits.</summary>
    public static bool AreWide => Vector512.IsHardwareAccelerated && Avx512F.IsSupported;

    /// <summary>A bfloat16 as it is: the upper half of a float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Wide(ushort upper) => System.BitConverter.UInt32BitsToSingle((uint)upper << 16);

    /// <summary>A number rounded to bfloat16, as <see cref="ILanes{T}.StoreBFloat16"/> does it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Narrow(float number)
    {
        uint bits = System.BitConverter.SingleToUInt32Bits(number);
        return (ushort)((float.IsNaN(number) ? bits | Quiet : bits + BelowHalf + (bits >> 16 & 1)) >> 16);
    }

    /// <summary>The sum of eight: of halves, of their halves, and so on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256<float> eight)
    {
        Vector128<float> four = eight.GetLower() + eight.GetUpper();
        Vector64<float> two = four.GetLower() + four.GetUpper();
        return two.GetElement(0) + two.GetElement(1);
    }

    /// <summary>Four of these sums at once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sums(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d)
    {
        if (!Avx.IsSupported)
            return Vector128.Create(Sum(a), Sum(b), Sum(c), Sum(d));
        const byte Lower = 0x20, Upper = 0x31, FirstTwo = 0x44, LastTwo = 0xEE, Even = 0x88, Odd = 0xDD;
        // Four of a, then four of b; of c and d.
        Vector256<float> ab = Avx.Permute2x128(a, b, Lower) + Avx.Permute2x128(a, b, Upper);
        Vector256<float> cd = Avx.Permute2x128(c, d, Lower) + Avx.Permute2x128(c, d, Upper);
        // Two of a, two of c; two of b, two of d.
        Vector256<float> all = Avx.Shuffle(ab, cd, FirstTwo) + Avx.Shuffle(ab, cd, LastTwo);
        Vector128<float> ac = all.GetLower(), bd = all.GetUpper();
        // a, c, b, d.
        Vector128<float> sums = Sse.Shuffle(ac, bd, Even) + Sse.Shuffle(ac, bd, Odd);
        return Vector128.Shuffle(sums, Vector128.Create(0, 2, 1, 3));
    }
}

/// <summary>One register of 512 bits.</summary>
internal readonly unsafe struct WideLanes : ILanes<WideLanes>
{
    private readonly Vector512<float> _all;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private WideLanes(Vector512<float> all) => _all = all;

    public static int InRegisters => 32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes All(float number) => new(Vector512.Create(number));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes Load(float* from) => new(Vector512.Load(from));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes LoadBFloat16(ushort* from) =>
        new((Avx512F.ConvertToVector512UInt32(Vector256.Load(from)) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes LoadInt8(sbyte* from) =>
        new(Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load(from))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes LoadHalves(byte* from, bool upper)
    {
        Vector512<int> bytes = Avx512F.ConvertToVector512Int32(Vector128.Load(from));
        return new(Vector512.ConvertToSingle(upper ? bytes >>> 4 : bytes & Vector512.Create(15)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(WideLanes lanes, float* to) => lanes._all.Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBFloat16(WideLanes lanes, ushort* to)
    {
        Vector512<uint> bits = lanes._all.AsUInt32();
        Vector512<uint> rounded = bits + Vector512.Create(Lanes.BelowHalf) + ((bits >>> 16) & Vector512.Create(1u));
        rounded = Vector512.ConditionalSelect(Vector512.IsNaN(lanes._all).AsUInt32(),
            bits | Vector512.Create(Lanes.Quiet), rounded);
        Avx512F.ConvertToVector256UInt16(rounded >>> 16).Store(to);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes Add(WideLanes left, WideLanes right) => new(left._all + right._all);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes Multiply(WideLanes left, WideLanes right) => new(left._all * right._all);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes Divide(WideLanes left, WideLanes right) => new(left._all / right._all);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes MultiplyAdd(WideLanes left, WideLanes right, WideLanes sum) =>
        new(Vector512.FusedMultiplyAdd(left._all, right._all, sum._all));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLanes Exp(WideLanes lanes) => new(Vector512.Exp(lanes._all));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(WideLanes lanes) => Lanes.Sum(Eight(lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sums(WideLanes a, WideLanes b, WideLanes c, WideLanes d) =>
        Lanes.Sums(Eight(a), Eight(b), Eight(c), Eight(d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Eight(WideLanes lanes) => lanes._all.GetLower() + lanes._all.GetUpper();
}

/// <summary>Two registers of 256 bits, or what a processor has for them.</summary>
internal readonly unsafe struct PairedLanes : ILanes<PairedLanes>
{
    private const int Half = Lanes.Count / 2;
    private readonly Vector256<float> _first;
    private readonly Vector256<float> _second;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private PairedLanes(Vector256<float> first, Vector256<float> second) => (_first, _second) = (first, second);

    public static int InRegisters => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairedLanes All(float number) => new(Vector256.Create(number), Vector256.Create(number));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairedLanes Load(float* from) => new(Vector256.Load(from), Vector256.Load(from + Half));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairedLanes LoadBFloat16(ushort* from)
    {
        (Vector256<uint> first, Vector256<uint> second) = Vector256.Widen(Vector256.Load(from));
        return new((first << 16).AsSingle(), (second << 16).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairedLanes LoadInt8(sbyte* from)
    {
        (Vector128<short> first, Vector128<short> second) = Vector128.Widen(Vector128.Load(from));
        return new(Wide(first), Wide(second));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairedLanes LoadHalves(byte* from, bool upper)
    {
        Vector128<byte> bytes = Vector128.Load(from);
        (Vector128<ushort> first, Vector128<ushort> second) =
            Vector128.Widen(upper ? bytes >>> 4 : bytes & Vector128.Create((byte)15));
        return new(Wide(first.AsInt16()), Wide(second.AsInt16()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(PairedLanes lanes, float* to)
    {
        lanes._first.Store(to);
        lanes._second.Store(to + Half);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBFloat16(PairedLanes lanes, ushort* to) =>
        Vector256.Narrow(Upper(lanes._first), Upper(lanes._second)).Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairedLanes Add(PairedLanes left, PairedLanes right) =>
        new(left._first + right._first, left._second + right._second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairedLanes Multiply(PairedLanes left, PairedLanes right) =>
        new(left._first * right._first, left._second * right._second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairedLanes Divide(PairedLanes left, PairedLanes right) =>
        new(left._first / right._first, left._second / right._second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairedLanes MultiplyAdd(PairedLanes left, PairedLanes right, PairedLanes sum) =>
        new(Vector256.FusedMultiplyAdd(left._first, right._first, sum._first),
            Vector256.FusedMultiplyAdd(left._second, right._second, sum._second));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PairedLanes Exp(PairedLanes lanes) =>
        new(Vector256.Exp(lanes._first), Vector256.Exp(lanes._second));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(PairedLanes lanes) => Lanes.Sum(lanes._first + lanes._second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sums(PairedLanes a, PairedLanes b, PairedLanes c, PairedLanes d) => Lanes.Sums(
        a._first + a._second, b._first + b._second, c._first + c._second, d._first + d._second);

    // The upper halves of the rounded numbers.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Upper(Vector256<float> eight)
    {
        Vector256<uint> bits = eight.AsUInt32();
        Vector256<uint> rounded = bits + Vector256.Create(Lanes.BelowHalf) + ((bits >>> 16) & Vector256.Create(1u));
        return Vector256.ConditionalSelect(Vector256.IsNaN(eight).AsUInt32(), bits | Vector256.Create(Lanes.Quiet),
            rounded) >>> 16;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Wide(Vector128<short> eight)
    {
        (Vector128<int> first, Vector128<int> second) = Vector128.Widen(eight);
        return Vector256.ConvertToSingle(Avx2.IsSupported ? Avx2.ConvertToVector256Int32(eight)
            : Vector256.Create(first, second));
    }
}
