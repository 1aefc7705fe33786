using System;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// x W^T for one new token a row, in float32 on the CPU, of weights in float32 or bfloat16: they are read once, as they
/// lie, where torch's product copies them first. A number of the result is the sum of sixteen sums, each over every
/// sixteenth column in their order: it has the same bits whatever rows and outputs stand beside it, on any processor and
/// with any number of threads.
/// </summary>
internal static unsafe class RowProducts
{
    // Outputs and rows that are made at a time: sixteen sums, which stay in registers.
    private const int Tile = 4;

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
            ? Product<T, BFloat16Numbers>(x, weight) : Product<T, SingleNumbers>(x, weight);

    private static Tensor Product<T, TNumbers>(Tensor x, Tensor weight)
        where T : struct, ILanes<T>
        where TNumbers : struct, INumbers
    {
        Tensor rows = x.contiguous();
        int count = (int)rows.size(Axis.Row), outputs = (int)weight.size(0);
        Tensor product = empty([count, 1, outputs], ScalarType.Float32);
        // A span holds no more than 2^31 bytes, a weight may have more: its first row begins where it does.
        using Tensor first = weight.narrow(0, 0, 1);
        fixed (byte* from = rows.bytes, weights = first.bytes, to = product.bytes)
        {
            var work = new Work<T, TNumbers>((float*)from, count, (nint)weight.size(1), weights, (float*)to, outputs);
            bool isShared = rows.numel() * outputs >= LeastShared;
            work.Run(isShared ? get_num_threads() : 1);
        }
        return product;
    }

    /// <summary>How the numbers of a row of weights lie.</summary>
    private interface INumbers
    {
        static abstract nint Bytes { get; }

        static abstract T Load<T>(byte* row, nint column)
            where T : struct, ILanes<T>;

        static abstract float One(byte* row, nint column);
    }

    private readonly struct SingleNumbers : INumbers
    {
        public static nint Bytes => sizeof(float);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Load<T>(byte* row, nint column)
            where T : struct, ILanes<T> => T.Load((float*)row + column);

        public static float One(byte* row, nint column) => ((float*)row)[column];
    }

    private readonly struct BFloat16Numbers : INumbers
    {
        public static nint Bytes => sizeof(ushort);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Load<T>(byte* row, nint column)
            where T : struct, ILanes<T> => T.LoadBFloat16((ushort*)row + column);

        public static float One(byte* row, nint column) => Lanes.Wide(((ushort*)row)[column]);
    }

    private sealed class Work<T, TNumbers>(float* x, int rows, nint columns, byte* weight, float* product, int outputs)
        : SharedWork
        where T : struct, ILanes<T>
        where TNumbers : struct, INumbers
    {
        private readonly nint _bytes = columns * TNumbers.Bytes;

        // Columns of whole steps.
        private readonly nint _whole = columns / Lanes.Count * Lanes.Count;

        protected override int Parts => (outputs + OfPart - 1) / OfPart;

        protected override void Do(int part)
        {
            int output = part * OfPart, end = Math.Min(output + OfPart, outputs);
            for (; output + Tile <= end; output += Tile)
            {
                int row = 0;
                for (; row + Tile <= rows; row += Tile)
                    MultiplyTile(row, output);
                for (; row < rows; row++)
                    MultiplyRow(row, output);
            }
            for (; output < end; output++)
            {
                for (int row = 0; row < rows; row++)
                    MultiplyOne(row, output);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void MultiplyTile(nint row, nint output)
        {
            float* p = x + row * columns, q = p + columns, r = q + columns, s = r + columns;
            byte* a = weight + output * _bytes, b = a + _bytes, c = b + _bytes, d = c + _bytes;
            T pa = T.All(0), pb = pa, pc = pa, pd = pa, qa = pa, qb = pa, qc = pa, qd = pa,
                ra = pa, rb = pa, rc = pa, rd = pa, sa = pa, sb = pa, sc = pa, sd = pa;
            for (nint i = 0; i < _whole; i += Lanes.Count)
            {
                T ofA = TNumbers.Load<T>(a, i), ofB = TNumbers.Load<T>(b, i), ofC = TNumbers.Load<T>(c, i), ofD = TNumbers.Load<T>(d, i);
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
            Put(row, output, pa, pb, pc, pd);
            Put(row + 1, output, qa, qb, qc, qd);
            Put(row + 2, output, ra, rb, rc, rd);
            Put(row + 3, output, sa, sb, sc, sd);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void MultiplyRow(nint row, nint output)
        {
            float* p = x + row * columns;
            byte* a = weight + output * _bytes, b = a + _bytes, c = b + _bytes, d = c + _bytes;
            T pa = T.All(0), pb = pa, pc = pa, pd = pa;
            for (nint i = 0; i < _whole; i += Lanes.Count)
            {
                T own = T.Load(p + i);
                pa = T.MultiplyAdd(own, TNumbers.Load<T>(a, i), pa);
                pb = T.MultiplyAdd(own, TNumbers.Load<T>(b, i), pb);
                pc = T.MultiplyAdd(own, TNumbers.Load<T>(c, i), pc);
                pd = T.MultiplyAdd(own, TNumbers.Load<T>(d, i), pd);
            }
            Put(row, output, pa, pb, pc, pd);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void MultiplyOne(nint row, nint output)
        {
            float* p = x + row * columns;
            byte* a = weight + output * _bytes;
            T sums = T.All(0);
            for (nint i = 0; i < _whole; i += Lanes.Count)
                sums = T.MultiplyAdd(T.Load(p + i), TNumbers.Load<T>(a, i), sums);
            Put(row, output, sums);
        }

        private void Put(nint row, nint output, T a, T b, T c, T d)
        {
            Put(row, output, a);
            Put(row, output + 1, b);
            Put(row, output + 2, c);
            Put(row, output + 3, d);
        }

        // The columns behind the last whole step are added one by one.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Put(nint row, nint output, T sums)
        {
            float sum = T.Sum(sums);
            float* own = x + row * columns;
            byte* of = weight + output * _bytes;
            for (nint i = _whole; i < columns; i++)
                sum = float.FusedMultiplyAdd(own[i], TNumbers.One(of, i), sum);
            product[row * outputs + output] = sum;
        }
    }
}
