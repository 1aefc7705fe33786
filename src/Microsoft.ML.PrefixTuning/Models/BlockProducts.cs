using System;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// x W^T in float32 of weights that lie in blocks, on the CPU: they are read once, as they lie, and made wide in
/// registers. A number of the result is the sum over the columns in their order: it has the same bits whatever rows and
/// outputs stand beside it, on any processor and with any number of threads.
/// </summary>
internal static unsafe class BlockProducts
{
    // Blocks that a row is multiplied with at a time, and that several rows are.
    private const int OfRow = 4;
    private const int OfTile = 2;

    // Products of numbers below which one thread makes them all.
    private const long LeastShared = 1L << 16;

    // Rows that a block's numbers are used for once they are wide.
    private const int Tile = 4;

    /// <summary>Rows of a matrix in blocks: those of whole blocks.</summary>
    public static long Blocks(long rows) => (rows + Lanes.Count - 1) / Lanes.Count;

    /// <summary>Columns of a matrix in blocks.</summary>
    public static long Columns<TFormat>(long columns)
        where TFormat : struct, IBlockFormat => (columns + TFormat.Step - 1) / TFormat.Step * TFormat.Step;

    /// <summary>x W^T.</summary>
    /// <typeparam name="TFormat">How the weights lie.</typeparam>
    /// <param name="x">[..., columns], float32 or bfloat16.</param>
    /// <param name="blocks">[blocks, bytes of one].</param>
    /// <param name="outputs">Rows of the weights, without those of zeros in the last block.</param>
    /// <param name="scales">[rows of all blocks] in bfloat16: what sums are multiplied with; null for 1.</param>
    /// <returns>[n, outputs], float32, contiguous.</returns>
    public static Tensor Product<TFormat>(Tensor x, Tensor blocks, long outputs, Tensor? scales = null)
        where TFormat : struct, IBlockFormat => Lanes.AreWide
            ? Product<TFormat, WideLanes>(x, blocks, outputs, scales)
            : Product<TFormat, PairedLanes>(x, blocks, outputs, scales);

    /// <summary>The same with a form of numbers that are worked on together.</summary>
    public static Tensor Product<TFormat, T>(Tensor x, Tensor blocks, long outputs, Tensor? scales = null)
        where TFormat : struct, IBlockFormat
        where T : struct, ILanes<T>
    {
        long columns = blocks.size(1) / TFormat.StepBytes * TFormat.Step;
        // Kept until the work is done, which has their addresses alone.
        using Tensor rows = Rows(x, columns);
        Tensor product = empty([rows.size(0), outputs], ScalarType.Float32);
        fixed (byte* from = rows.bytes, weights = blocks.bytes, factors = scales is null ? default : scales.bytes,
            to = product.bytes)
        {
            var job = new Job((float*)from, (int)rows.size(0), (nint)columns, weights, (nint)blocks.size(1),
                (ushort*)factors, (float*)to, (nint)outputs);
            // Waking another thread takes as long as a small product.
            bool isShared = rows.numel() * outputs >= LeastShared;
            new Work<T, TFormat>(job).Run(isShared ? get_num_threads() : 1);
        }
        return product;
    }

    // Rows with zeros behind them, up to the columns of the weights.
    private static Tensor Rows(Tensor x, long columns)
    {
        long own = x.size(Axis.Last);
        if (own == columns && x.dtype == ScalarType.Float32 && x.is_contiguous())
            return x.view(-1, own);
        Tensor rows = x.reshape(-1, own).to(ScalarType.Float32);
        return own == columns ? rows.contiguous() : nn.functional.pad(rows, [0, columns - own]);
    }

    private readonly struct Job(float* x, int rows, nint columns, byte* blocks, nint blockBytes, ushort* scales,
        float* product, nint outputs)
    {
        public readonly float* X = x;
        public readonly int Rows = rows;
        public readonly nint Columns = columns;
        public readonly byte* Blocks = blocks;
        public readonly nint BlockBytes = blockBytes;
        public readonly ushort* Scales = scales;
        public readonly float* Product = product;
        public readonly nint Outputs = outputs;
    }

    private sealed class Work<T, TFormat>(Job job) : SharedWork
        where T : struct, ILanes<T>
        where TFormat : struct, IBlockFormat
    {
        private readonly Job _job = job;
        private readonly int _blocks = (int)Blocks(job.Outputs);

        protected override int Parts => (_blocks + OfRow - 1) / OfRow;

        protected override void Do(int part, int thread)
        {
            int first = part * OfRow, count = Math.Min(OfRow, _blocks - first), row = 0;
            float* sums = stackalloc float[Tile * OfTile * Lanes.Count];
            if (count == OfRow)
            {
                for (; row + Tile <= _job.Rows; row += Tile)
                {
                    MultiplyTile(row, first, sums);
                    MultiplyTile(row, first + OfTile, sums);
                }
                for (; row < _job.Rows; row++)
                    MultiplyRow(row, first);
                return;
            }
            for (; row < _job.Rows; row++)
            {
                for (int block = first; block < first + count; block++)
                    MultiplyOne(row, block);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void MultiplyRow(int row, nint block)
        {
            nint columns = _job.Columns, bytes = _job.BlockBytes;
            float* x = _job.X + row * columns;
            byte* a = _job.Blocks + block * bytes, b = a + bytes, c = b + bytes, d = c + bytes;
            T sumA = T.All(0), sumB = T.All(0), sumC = T.All(0), sumD = T.All(0);
            for (nint column = 0; column < columns;)
            {
                nint end = Math.Min(columns - column, TFormat.Group) + column;
                GroupScale<T> ofA = TFormat.Open<T>(a, column), ofB = TFormat.Open<T>(b, column),
                    ofC = TFormat.Open<T>(c, column), ofD = TFormat.Open<T>(d, column);
                for (; column < end; column += 2)
                {
                    T one = T.All(x[column]), two = T.All(x[column + 1]);
                    TFormat.LoadPair(a, column, ofA, out T first, out T second);
                    sumA = T.MultiplyAdd(two, second, T.MultiplyAdd(one, first, sumA));
                    TFormat.LoadPair(b, column, ofB, out first, out second);
                    sumB = T.MultiplyAdd(two, second, T.MultiplyAdd(one, first, sumB));
                    TFormat.LoadPair(c, column, ofC, out first, out second);
                    sumC = T.MultiplyAdd(two, second, T.MultiplyAdd(one, first, sumC));
                    TFormat.LoadPair(d, column, ofD, out first, out second);
                    sumD = T.MultiplyAdd(two, second, T.MultiplyAdd(one, first, sumD));
                }
            }
            Put(row, block, sumA);
            Put(row, block + 1, sumB);
            Put(row, block + 2, sumC);
            Put(row, block + 3, sumD);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void MultiplyOne(int row, nint block)
        {
            nint columns = _job.Columns;
            float* x = _job.X + row * columns;
            byte* a = _job.Blocks + block * _job.BlockBytes;
            T sum = T.All(0);
            for (nint column = 0; column < columns; column += 2)
            {
                TFormat.LoadPair(a, column, TFormat.Open<T>(a, column), out T first, out T second);
                sum = T.MultiplyAdd(T.All(x[column + 1]), second, T.MultiplyAdd(T.All(x[column]), first, sum));
            }
            Put(row, block, sum);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void MultiplyTile(int row, nint block, float* sums)
        {
            nint columns = _job.Columns;
            float* p = _job.X + row * columns, q = p + columns, r = q + columns, s = r + columns;
            byte* a = _job.Blocks + block * _job.BlockBytes, b = a + _job.BlockBytes;
            T pa = T.All(0), pb = T.All(0), qa = T.All(0), qb = T.All(0), ra = T.All(0), rb = T.All(0),
                sa = T.All(0), sb = T.All(0);
            GroupScale<T> ofA = default, ofB = default;
            for (nint column = 0, next = 0; column < columns; column += 2)
            {
                if (column == next)
                {
                    (ofA, ofB) = (TFormat.Open<T>(a, column), TFormat.Open<T>(b, column));
                    next += TFormat.Group;
                }
                TFormat.LoadPair(a, column, ofA, out T firstA, out T secondA);
                TFormat.LoadPair(b, column, ofB, out T firstB, out T secondB);
                T one = T.All(p[column]), two = T.All(p[column + 1]);
                pa = T.MultiplyAdd(two, secondA, T.MultiplyAdd(one, firstA, pa));
                pb = T.MultiplyAdd(two, secondB, T.MultiplyAdd(one, firstB, pb));
                (one, two) = (T.All(q[column]), T.All(q[column + 1]));
                qa = T.MultiplyAdd(two, secondA, T.MultiplyAdd(one, firstA, qa));
                qb = T.MultiplyAdd(two, secondB, T.MultiplyAdd(one, firstB, qb));
                (one, two) = (T.All(r[column]), T.All(r[column + 1]));
                ra = T.MultiplyAdd(two, secondA, T.MultiplyAdd(one, firstA, ra));
                rb = T.MultiplyAdd(two, secondB, T.MultiplyAdd(one, firstB, rb));
                (one, two) = (T.All(s[column]), T.All(s[column + 1]));
                sa = T.MultiplyAdd(two, secondA, T.MultiplyAdd(one, firstA, sa));
                sb = T.MultiplyAdd(two, secondB, T.MultiplyAdd(one, firstB, sb));
            }
            T.Store(pa, sums);
            T.Store(pb, sums + Lanes.Count);
            T.Store(qa, sums + 2 * Lanes.Count);
            T.Store(qb, sums + 3 * Lanes.Count);
            T.Store(ra, sums + 4 * Lanes.Count);
            T.Store(rb, sums + 5 * Lanes.Count);
            T.Store(sa, sums + 6 * Lanes.Count);
            T.Store(sb, sums + 7 * Lanes.Count);
            PutTile(row, block, sums);
        }

        // Apart from the loop, which has its sums in registers.
        [MethodImpl(MethodImplOptions.NoInlining)]
        private void PutTile(int row, nint block, float* sums)
        {
            for (int i = 0; i < Tile; i++)
            {
                for (int j = 0; j < OfTile; j++, sums += Lanes.Count)
                    Put(row + i, block + j, T.Load(sums));
            }
        }

        private void Put(int row, nint block, T sums)
        {
            nint output = block * Lanes.Count, count = Math.Min(Lanes.Count, _job.Outputs - output);
            if (_job.Scales is not null)
                sums = T.Multiply(sums, T.LoadBFloat16(_job.Scales + output));
            float* to = _job.Product + row * _job.Outputs + output;
            if (count == Lanes.Count)
            {
                T.Store(sums, to);
                return;
            }
            float* last = stackalloc float[Lanes.Count];
            T.Store(sums, last);
            new Span<float>(last, (int)count).CopyTo(new Span<float>(to, (int)count));
        }
    }
}
