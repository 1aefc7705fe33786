using System;
using System.Buffers;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// What one new token a row takes from memories outside of the softmax, in float32 on the CPU: the equal of
/// <see cref="HeadMemory.Recall"/>. A row has the same bits whatever rows and memories stand beside it; neighbours of
/// one memory read a head's together.
/// </summary>
internal static unsafe class TokenRecall
{
    // Products of numbers below which one thread does it all.
    private const long LeastShared = 1L << 16;

    /// <summary>elu(q)^T M of each row's own M.</summary>
    /// <param name="queries">[B, 1, H, D], contiguous.</param>
    /// <param name="memories">[B]: the first number of each row's M, [H, D, D]; 0 for a row that has none.</param>
    /// <param name="areNarrow">Whether their numbers are bfloat16.</param>
    /// <returns>[B, 1, H * D]: zeros where there is no memory.</returns>
    public static Tensor Take(Tensor queries, nint[] memories, bool areNarrow) => Lanes.AreWide
        ? Take<WideLanes>(queries, memories, areNarrow) : Take<PairedLanes>(queries, memories, areNarrow);

    /// <summary>The same with a form of numbers that are worked on together.</summary>
    public static Tensor Take<T>(Tensor queries, nint[] memories, bool areNarrow)
        where T : struct, ILanes<T>
    {
        int heads = (int)queries.size(Axis.Key), size = (int)queries.size(Axis.Last);
        int numbers = memories.Length * heads * size;
        Tensor taken = zeros([memories.Length, 1, (long)heads * size], ScalarType.Float32);
        float[] mapped = ArrayPool<float>.Shared.Rent(numbers);
        fixed (byte* from = queries.bytes, to = taken.bytes)
        fixed (float* ofQueries = mapped)
        {
            for (int i = 0; i < numbers; i++)
            {
                float query = ((float*)from)[i];
                ofQueries[i] = query > 0 ? query : (float)(Math.Exp(query) - 1);
            }
            var job = new Job(ofQueries, memories, heads, size, (float*)to);
            SharedWork work = areNarrow ? new Work<T, KeptBFloat16>(job) : new Work<T, KeptFloat32>(job);
            work.Run((long)numbers * size >= LeastShared ? Math.Min(get_num_threads(), heads) : 1);
        }
        ArrayPool<float>.Shared.Return(mapped);
        return taken;
    }

    private readonly struct Job(float* mapped, nint[] memories, int heads, int size, float* taken)
    {
        public readonly float* Mapped = mapped;
        public readonly nint[] Memories = memories;
        public readonly int Heads = heads;
        public readonly int Size = size;
        public readonly float* Taken = taken;
    }

    // A part is a head of all rows.
    private sealed class Work<T, TKept>(Job job) : SharedWork
        where T : struct, ILanes<T>
        where TKept : struct, IKeptNumbers
    {
        private readonly Job _job = job;

        protected override int Parts => _job.Heads;

        protected override void Do(int part, int thread)
        {
            nint apart = (nint)_job.Heads * _job.Size, first = (nint)part * _job.Size;
            nint ofHead = first * _job.Size * TKept.Bytes;
            float* sums = stackalloc float[ProductTile.Numbers];
            int rows = _job.Memories.Length, most = ProductTile.MostRows<T>();
            for (int next, row = 0; row < rows; row = next)
            {
                nint memory = _job.Memories[row];
                next = row + 1;
                while (next < rows && next - row < most && _job.Memories[next] == memory)
                    next++;
                if (memory != 0)
                {
                    Take(new TileRows(_job.Mapped + row * apart + first, apart, next - row), (byte*)memory + ofHead,
                        _job.Taken + row * apart + first, sums);
                }
            }
        }

        /// <summary>Some rows' queries times a head's M, whose rows are added up one after the other.</summary>
        private void Take(in TileRows queries, byte* memory, float* taken, float* sums)
        {
            int size = _job.Size, whole = size / Lanes.Count;
            for (int block = 0; block < whole; block += ProductTile.Edge)
            {
                int count = Math.Min(ProductTile.Edge, whole - block);
                nint at = block * Lanes.Count;
                ProductTile.Add<T, TKept, SameFactor>(queries,
                    new TileColumns(memory + at * TKept.Bytes, Lanes.Count, size, count), size, sums, goesOn: false);
                for (int query = 0; query < queries.Count; query++)
                {
                    float* to = taken + query * queries.Apart + at;
                    for (int i = 0; i < count; i++)
                        T.Store(T.Load(ProductTile.Place(sums, query, i)), to + i * Lanes.Count);
                }
            }
            for (int query = 0; query < queries.Count; query++)
            {
                for (int i = whole * Lanes.Count; i < size; i++)
                    taken[query * queries.Apart + i] = One(queries.First + query * queries.Apart, memory, i);
            }
        }

        private float One(float* query, byte* memory, int column)
        {
            float sum = 0;
            for (int i = 0; i < _job.Size; i++)
                sum = float.FusedMultiplyAdd(query[i], TKept.One(memory, (nint)i * _job.Size + column), sum);
            return sum;
        }
    }
}
