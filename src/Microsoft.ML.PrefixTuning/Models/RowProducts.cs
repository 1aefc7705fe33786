using System;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// x W^T for one new token a row, in float32 on the CPU, of weights in float32 or bfloat16: they are read once, as
/// they lie, where torch's product copies them first. A number of the result is the sum of sixteen sums, each over
/// every sixteenth column in their order: it has the same bits whatever rows and outputs stand beside it, on any
/// processor and with any number of threads.
/// </summary>
internal static unsafe class RowProducts
{
    // Outputs and rows that are made at a time: sixteen sums, which stay in registers; where these are few, half as
    // many of each. The outputs lie apart, each followed by those that come next: weights come as four long streams,
    // which the processor fetches ahead.
    private const int Tile = 4;
    private const int Half = Tile / 2;

    // Outputs that a thread takes at a time.
    private const int OfPart = 32;

    // Products of numbers below which one thread makes them all: waking another takes as long.
    private const long LeastShared = 1L << 16;

    /// <summary>Whether a product is of this kind.</summary>
    /// <param name="x">[..., columns].</param>
    /// <param name="weight">[outputs, columns].</param>
    public static bool Suits(Tensor x, Tensor weight) => !is_grad_enabled() && x.dim() == 3 && x.size(Axis.Token) == 1
        && x.dtype == ScalarType.Float32 && weight.dtype == ScalarType.Float32
        && weight.device_type == TorchSharp.DeviceType.CPU && weight.is_contiguous();

    /// <summary>x W^T + b.</summary>
    /// <param name="x">[B, 1, columns].</param>
    /// <param name="weight">[outputs, columns], contiguous.</param>
    /// <param name="bias">[outputs] or null.</param>
    /// <returns>[B, 1, outputs], contiguous.</returns>
    public static Tensor Product(Tensor x, Tensor weight, Tensor? bias)
    {
        Tensor product = Lanes.AreWide ? Product<WideLanes>(x, weight) : Product<PairedLanes>(x, weight);
        return bias is null ? product : product.PlusInPlace(bias);
    }

    /// <summary>The same without bias, with a form of numbers that are worked on together.</summary>
    public static Tensor Product<T>(Tensor x, Tensor weight)
        where T : struct, ILanes<T> => weight.dtype == ScalarType.BFloat16
            ? Product<T, KeptBFloat16>(x, weight) : Product<T, KeptFloat32>(x, weight);

    private static Tensor Product<T, TKept>(Tensor x, Tensor weight)
        where T : struct, ILanes<T>
        where TKept : struct, IKeptNumbers
    {
        // Kept until the work is done, which has their addresses alone.
        using Tensor rows = x.contiguous();
        int count = (int)rows.size(Axis.Row), outputs = (int)weight.size(0);
        Tensor product = empty([count, 1, outputs], ScalarType.Float32);
        // A span holds no more than 2^31 bytes, a weight may have more: its first row begins where it does.
        using Tensor first = weight.narrow(0, 0, 1);
        fixed (byte* from = rows.bytes, weights = first.bytes, to = product.bytes)
        {
            var work = new Work<T, TKept>((float*)from, count, (nint)weight.size(1), weights, (float*)to, outputs);
            bool isShared = rows.numel() * outputs >= LeastShared;
            work.Run(isShared ? get_num_threads() : 1);
        }
        return product;
    }

    private sealed class Work<T, TKept>(float* x, int rows, nint columns, byte* weight, float* product, int outputs)
        : SharedWork
        where T : struct, ILanes<T>
        where TKept : struct, IKeptNumbers
    {
        private readonly nint _bytes = columns * TKept.Bytes;

        // Columns of whole steps.
        private readonly nint _whole = columns / Lanes.Count * Lanes.Count;

        protected override int Parts => (outputs + OfPart - 1) / OfPart;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Do(int part, int thread)
        {
            int first = part * OfPart, count = Math.Min(OfPart, outputs - first), apart = count / Tile;
            float* sums = stackalloc float[Tile * Tile * Lanes.Count];
            for (int output = first; output < first + apart; output++)
            {
                int row = 0;
                // The sums, and a number of each row and output.
                for (; T.InRegisters >= Tile * Tile + 2 * Tile && row + Tile <= rows; row += Tile)
                    MultiplyTile(row, output, apart, sums);
                for (; row + Half <= rows; row += Half)
                    MultiplyHalf(row, output, apart);
                for (; row < rows; row++)
                    MultiplyRow(row, output, apart);
            }
            for (int output = first + apart * Tile; output < first + count; output++)
            {
                for (int row = 0; row < rows; row++)
                    MultiplyOne(row, output);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void MultiplyTile(nint row, nint output, nint apart, float* sums)
        {
            float* p = x + row * columns, q = p + columns, r = q + columns, s = r + columns;
            nint bytes = apart * _bytes;
            byte* a = weight + output * _bytes, b = a + bytes, c = b + bytes, d = c + bytes;
            T pa = T.All(0), pb = pa, pc = pa, pd = pa, qa = pa, qb = pa, qc = pa, qd = pa,
                ra = pa, rb = pa, rc = pa, rd = pa, sa = pa, sb = pa, sc = pa, sd = pa;
            for (nint i = 0; i < _whole; i += Lanes.Count)
            {
                T ofA = TKept.Load<T>(a, i), ofB = TKept.Load<T>(b, i), ofC = TKept.Load<T>(c, i),
                    ofD = TKept.Load<T>(d, i);
                T own = T.Load(p + i);
                pa = T.MultiplyAdd(own, ofA, pa);
                pb = T.MultiplyAdd(own, ofB, pb);
                pc = T.MultiplyAdd(own, ofC, pc);
                pd = T.MultiplyAdd(own, ofD, pd);
                own = T.Load(q + i);
                qa = T.MultiplyAdd(own, ofA, qa);
                qb = T.MultiplyAdd(own, ofB, qb);
                qc = T.MultiplyAdd(own, ofC, qc);
                qd = T.MultiplyAdd(own, ofD, qd);
                own = T.Load(r + i);
                ra = T.MultiplyAdd(own, ofA, ra);
                rb = T.MultiplyAdd(own, ofB, rb);
                rc = T.MultiplyAdd(own, ofC, rc);
                rd = T.MultiplyAdd(own, ofD, rd);
                own = T.Load(s + i);
                sa = T.MultiplyAdd(own, ofA, sa);
                sb = T.MultiplyAdd(own, ofB, sb);
                sc = T.MultiplyAdd(own, ofC, sc);
                sd = T.MultiplyAdd(own, ofD, sd);
            }
            T.Store(pa, sums);
            T.Store(pb, sums + 1 * Lanes.Count);
            T.Store(pc, sums + 2 * Lanes.Count);
            T.Store(pd, sums + 3 * Lanes.Count);
            T.Store(qa, sums + 4 * Lanes.Count);
            T.Store(qb, sums + 5 * Lanes.Count);
            T.Store(qc, sums + 6 * Lanes.Count);
            T.Store(qd, sums + 7 * Lanes.Count);
            T.Store(ra, sums + 8 * Lanes.Count);
            T.Store(rb, sums + 9 * Lanes.Count);
            T.Store(rc, sums + 10 * Lanes.Count);
            T.Store(rd, sums + 11 * Lanes.Count);
            T.Store(sa, sums + 12 * Lanes.Count);
            T.Store(sb, sums + 13 * Lanes.Count);
            T.Store(sc, sums + 14 * Lanes.Count);
            T.Store(sd, sums + 15 * Lanes.Count);
            PutTile(row, output, apart, sums);
        }

        private void MultiplyHalf(nint row, nint output, nint apart)
        {
            (T pa, T pb, T qa, T qb) = MultiplyPairs(row, output, apart);
            (T pc, T pd, T qc, T qd) = MultiplyPairs(row, output + Half * apart, apart);
            Put(row, output, apart, T.Sums(pa, pb, pc, pd));
            Put(row + 1, output, apart, T.Sums(qa, qb, qc, qd));
        }

        // Two rows with two outputs.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private (T, T, T, T) MultiplyPairs(nint row, nint output, nint apart)
        {
            float* p = x + row * columns, q = p + columns;
            byte* a = weight + output * _bytes, b = a + apart * _bytes;
            T pa = T.All(0), pb = pa, qa = pa, qb = pa;
            for (nint i = 0; i < _whole; i += Lanes.Count)
            {
                T ofA = TKept.Load<T>(a, i), ofB = TKept.Load<T>(b, i), own = T.Load(p + i);
                pa = T.MultiplyAdd(own, ofA, pa);
                pb = T.MultiplyAdd(own, ofB, pb);
                own = T.Load(q + i);
                qa = T.MultiplyAdd(own, ofA, qa);
                qb = T.MultiplyAdd(own, ofB, qb);
            }
            return (pa, pb, qa, qb);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void MultiplyRow(nint row, nint output, nint apart)
        {
            float* p = x + row * columns;
            nint bytes = apart * _bytes;
            byte* a = weight + output * _bytes, b = a + bytes, c = b + bytes, d = c + bytes;
            T pa = T.All(0), pb = pa, pc = pa, pd = pa;
            for (nint i = 0; i < _whole; i += Lanes.Count)
            {
                T own = T.Load(p + i);
                pa = T.MultiplyAdd(own, TKept.Load<T>(a, i), pa);
                pb = T.MultiplyAdd(own, TKept.Load<T>(b, i), pb);
                pc = T.MultiplyAdd(own, TKept.Load<T>(c, i), pc);
                pd = T.MultiplyAdd(own, TKept.Load<T>(d, i), pd);
            }
            Put(row, output, apart, T.Sums(pa, pb, pc, pd));
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void MultiplyOne(nint row, nint output)
        {
            float* p = x + row * columns;
            byte* a = weight + output * _bytes;
            T sums = T.All(0);
            for (nint i = 0; i < _whole; i += Lanes.Count)
                sums = T.MultiplyAdd(T.Load(p + i), TKept.Load<T>(a, i), sums);
            product[row * outputs + output] = WithRest(T.Sum(sums), row, output);
        }

        // Apart from the loop, which has its sums in registers.
        [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
        private void PutTile(nint row, nint output, nint apart, float* sums)
        {
            for (nint end = row + Tile; row < end; row++, sums += Tile * Lanes.Count)
            {
                Put(row, output, apart, T.Sums(T.Load(sums), T.Load(sums + Lanes.Count),
                    T.Load(sums + 2 * Lanes.Count), T.Load(sums + 3 * Lanes.Count)));
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Put(nint row, nint output, nint apart, Vector128<float> sums)
        {
            float* to = product + row * outputs + output;
            to[0] = sums.GetElement(0);
            to[apart] = sums.GetElement(1);
            to[2 * apart] = sums.GetElement(2);
            to[3 * apart] = sums.GetElement(3);
            if (_whole < columns)
                AddRest(row, output, apart);
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private void AddRest(nint row, nint output, nint apart)
        {
            float* to = product + row * outputs;
            for (nint place = output; place < output + Tile * apart; place += apart)
                to[place] = WithRest(to[place], row, place);
        }

        // The columns behind the last whole step are added one by one.
        private float WithRest(float sum, nint row, nint output)
        {
            float* own = x + row * columns;
            byte* of = weight + output * _bytes;
            for (nint i = _whole; i < columns; i++)
                sum = float.FusedMultiplyAdd(own[i], TKept.One(of, i), sum);
            return sum;
        }
    }
}
