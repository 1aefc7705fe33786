using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>How a step takes the factors of a row.</summary>
internal unsafe interface IFactors
{
    /// <summary>How many a step takes.</summary>
    static abstract nint Step { get; }

    /// <summary>Those of a step.</summary>
    static abstract T Load<T>(float* from)
        where T : struct, ILanes<T>;
}

/// <summary>Each of the sixteen has its own.</summary>
internal readonly unsafe struct OwnFactors : IFactors
{
    public static nint Step => Lanes.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Load<T>(float* from)
        where T : struct, ILanes<T> => T.Load(from);
}

/// <summary>All sixteen have the same.</summary>
internal readonly unsafe struct SameFactor : IFactors
{
    public static nint Step => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Load<T>(float* from)
        where T : struct, ILanes<T> => T.All(*from);
}

/// <summary>One to four rows of factors.</summary>
/// <param name="first">The first one's.</param>
/// <param name="apart">Factors from one row to the next.</param>
/// <param name="count">Rows, no more than <see cref="ProductTile.MostRows{T}"/>.</param>
internal readonly unsafe struct TileRows(float* first, nint apart, int count)
{
    public readonly float* First = first;
    public readonly nint Apart = apart;
    public readonly int Count = count;
}

/// <summary>One to four columns of kept numbers.</summary>
/// <param name="first">The first one's, sixteen at a step.</param>
/// <param name="apart">Numbers from one column to the next.</param>
/// <param name="step">Numbers from one step to the next.</param>
/// <param name="count">Columns.</param>
internal readonly unsafe struct TileColumns(byte* first, nint apart, nint step, int count)
{
    public readonly byte* First = first;
    public readonly nint Apart = apart;
    public readonly nint Step = step;
    public readonly int Count = count;
}

/// <summary>
/// Up to sixteen sums of products, each of sixteen numbers: of each row of factors with each column of kept numbers,
/// which are read and widened once for all rows. A sum takes one step after the other, so that it has the same bits in
/// any company.
/// </summary>
internal static unsafe class ProductTile
{
    /// <summary>Rows and columns at most.</summary>
    public const int Edge = 4;

    /// <summary>Numbers of all sums: those of a row's columns lie one behind the other.</summary>
    public const int Numbers = Edge * RowNumbers;

    private const int RowNumbers = Edge * Lanes.Count;

    private interface IRowCount
    {
        static abstract int Value { get; }
    }

    /// <summary>Rows for which registers have room: the sums, a number of each row and column.</summary>
    public static int MostRows<T>()
        where T : struct, ILanes<T> => T.InRegisters >= Edge * Edge + 2 * Edge ? Edge : 1;

    /// <summary>Adds up the products of some steps.</summary>
    /// <param name="rows">Factors.</param>
    /// <param name="columns">Kept numbers. Where there are fewer than four, the last one is taken again.</param>
    /// <param name="steps">How many.</param>
    /// <param name="sums"><see cref="Numbers"/>, of which those of the rows are written.</param>
    /// <param name="goesOn">Whether they are added to the sums that are there, or to nothing.</param>
    public static void Add<T, TKept, TFactors>(in TileRows rows, in TileColumns columns, int steps, float* sums,
        bool goesOn)
        where T : struct, ILanes<T>
        where TKept : struct, IKeptNumbers
        where TFactors : struct, IFactors
    {
        switch (rows.Count)
        {
            case 1:
                Add<T, TKept, TFactors, OneRow>(rows, columns, steps, sums, goesOn);
                break;
            case 2:
                Add<T, TKept, TFactors, TwoRows>(rows, columns, steps, sums, goesOn);
                break;
            case 3:
                Add<T, TKept, TFactors, ThreeRows>(rows, columns, steps, sums, goesOn);
                break;
            default:
                Add<T, TKept, TFactors, FourRows>(rows, columns, steps, sums, goesOn);
                break;
        }
    }

    /// <summary>The sum of each column's sixteen in a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sums<T>(float* sums, int row)
        where T : struct, ILanes<T>
    {
        float* of = Place(sums, row, 0);
        return T.Sums(T.Load(of), T.Load(of + Lanes.Count), T.Load(of + 2 * Lanes.Count), T.Load(of + 3 * Lanes.Count));
    }

    /// <summary>Where a sum lies.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float* Place(float* sums, int row, int column) => sums + row * RowNumbers + column * Lanes.Count;

    // The number of rows is a type, so that the sums of rows that are not there take neither time nor registers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add<T, TKept, TFactors, TRows>(in TileRows rows, in TileColumns columns, int steps, float* sums,
        bool goesOn)
        where T : struct, ILanes<T>
        where TKept : struct, IKeptNumbers
        where TFactors : struct, IFactors
        where TRows : struct, IRowCount
    {
        float* p = rows.First, q = p + rows.Apart, r = q + rows.Apart, s = r + rows.Apart;
        nint bytes = columns.Apart * TKept.Bytes, step = columns.Step, end = steps * TFactors.Step;
        byte* a = columns.First, b = columns.Count > 1 ? a + bytes : a, c = columns.Count > 2 ? b + bytes : b,
            d = columns.Count > 3 ? c + bytes : c;
        T pa = T.All(0), pb = pa, pc = pa, pd = pa, qa = pa, qb = pa, qc = pa, qd = pa,
            ra = pa, rb = pa, rc = pa, rd = pa, sa = pa, sb = pa, sc = pa, sd = pa;
        if (goesOn)
        {
            pa = T.Load(sums);
            pb = T.Load(sums + 1 * Lanes.Count);
            pc = T.Load(sums + 2 * Lanes.Count);
            pd = T.Load(sums + 3 * Lanes.Count);
            qa = T.Load(sums + 4 * Lanes.Count);
            qb = T.Load(sums + 5 * Lanes.Count);
            qc = T.Load(sums + 6 * Lanes.Count);
            qd = T.Load(sums + 7 * Lanes.Count);
            ra = T.Load(sums + 8 * Lanes.Count);
            rb = T.Load(sums + 9 * Lanes.Count);
            rc = T.Load(sums + 10 * Lanes.Count);
            rd = T.Load(sums + 11 * Lanes.Count);
            sa = T.Load(sums + 12 * Lanes.Count);
            sb = T.Load(sums + 13 * Lanes.Count);
            sc = T.Load(sums + 14 * Lanes.Count);
            sd = T.Load(sums + 15 * Lanes.Count);
        }
        for (nint i = 0, place = 0; i < end; i += TFactors.Step, place += step)
        {
            T ofP = TFactors.Load<T>(p + i);
            T ofQ = TRows.Value > 1 ? TFactors.Load<T>(q + i) : ofP;
            T ofR = TRows.Value > 2 ? TFactors.Load<T>(r + i) : ofP;
            T ofS = TRows.Value > 3 ? TFactors.Load<T>(s + i) : ofP;
            T own = TKept.Load<T>(a, place);
            pa = T.MultiplyAdd(ofP, own, pa);
            if (TRows.Value > 1)
                qa = T.MultiplyAdd(ofQ, own, qa);
            if (TRows.Value > 2)
                ra = T.MultiplyAdd(ofR, own, ra);
            if (TRows.Value > 3)
                sa = T.MultiplyAdd(ofS, own, sa);
            own = TKept.Load<T>(b, place);
            pb = T.MultiplyAdd(ofP, own, pb);
            if (TRows.Value > 1)
                qb = T.MultiplyAdd(ofQ, own, qb);
            if (TRows.Value > 2)
                rb = T.MultiplyAdd(ofR, own, rb);
            if (TRows.Value > 3)
                sb = T.MultiplyAdd(ofS, own, sb);
            own = TKept.Load<T>(c, place);
            pc = T.MultiplyAdd(ofP, own, pc);
            if (TRows.Value > 1)
                qc = T.MultiplyAdd(ofQ, own, qc);
            if (TRows.Value > 2)
                rc = T.MultiplyAdd(ofR, own, rc);
            if (TRows.Value > 3)
                sc = T.MultiplyAdd(ofS, own, sc);
            own = TKept.Load<T>(d, place);
            pd = T.MultiplyAdd(ofP, own, pd);
            if (TRows.Value > 1)
                qd = T.MultiplyAdd(ofQ, own, qd);
            if (TRows.Value > 2)
                rd = T.MultiplyAdd(ofR, own, rd);
            if (TRows.Value > 3)
                sd = T.MultiplyAdd(ofS, own, sd);
        }
        T.Store(pa, sums);
        T.Store(pb, sums + 1 * Lanes.Count);
        T.Store(pc, sums + 2 * Lanes.Count);
        T.Store(pd, sums + 3 * Lanes.Count);
        if (TRows.Value > 1)
        {
            T.Store(qa, sums + 4 * Lanes.Count);
            T.Store(qb, sums + 5 * Lanes.Count);
            T.Store(qc, sums + 6 * Lanes.Count);
            T.Store(qd, sums + 7 * Lanes.Count);
        }
        if (TRows.Value > 2)
        {
            T.Store(ra, sums + 8 * Lanes.Count);
            T.Store(rb, sums + 9 * Lanes.Count);
            T.Store(rc, sums + 10 * Lanes.Count);
            T.Store(rd, sums + 11 * Lanes.Count);
        }
        if (TRows.Value > 3)
        {
            T.Store(sa, sums + 12 * Lanes.Count);
            T.Store(sb, sums + 13 * Lanes.Count);
            T.Store(sc, sums + 14 * Lanes.Count);
            T.Store(sd, sums + 15 * Lanes.Count);
        }
    }

    private readonly struct OneRow : IRowCount
    {
        public static int Value => 1;
    }

    private readonly struct TwoRows : IRowCount
    {
        public static int Value => 2;
    }

    private readonly struct ThreeRows : IRowCount
    {
        public static int Value => 3;
    }

    private readonly struct FourRows : IRowCount
    {
        public static int Value => 4;
    }
}
