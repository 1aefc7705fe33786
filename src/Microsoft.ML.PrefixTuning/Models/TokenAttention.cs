using System;
using System.Buffers;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>Keys and values in front of a lane's own, of which rows may have the same ones.</summary>
/// <param name="start">The first number of [N, 2 (key, value), G, P, D], in the type of the lanes.</param>
/// <param name="count">P.</param>
internal readonly unsafe struct KeyValueFront(byte* start, int count)
{
    public readonly byte* Start = start;
    public readonly int Count = count;
}

/// <summary>
/// Where the keys and values of a layer lie in memory, float32 or bfloat16 on the CPU, for rows of lanes.
/// </summary>
/// <param name="keys">The first lane's first key.</param>
/// <param name="values">The first lane's first value.</param>
/// <param name="areNarrow">Whether their numbers are bfloat16.</param>
/// <param name="laneNumbers">Numbers from one lane to the next.</param>
/// <param name="headNumbers">Numbers from one key/value head to the next.</param>
/// <param name="counts">
/// [B]: keys that each lane has, its new token's among them; a head's lie one behind the other.
/// </param>
/// <param name="most">The most that a row sees, S, for which there is a mask.</param>
/// <param name="fronts">[B]: what stands in front of each lane; null where nothing does.</param>
internal readonly unsafe struct KeyValuePlaces(byte* keys, byte* values, bool areNarrow, nint laneNumbers,
    nint headNumbers, int[] counts, int most, KeyValueFront[]? fronts = null)
{
    public readonly byte* Keys = keys;
    public readonly byte* Values = values;
    public readonly bool AreNarrow = areNarrow;
    public readonly nint LaneNumbers = laneNumbers;
    public readonly nint HeadNumbers = headNumbers;
    public readonly int[] Counts = counts;
    public readonly int Most = most;
    public readonly KeyValueFront[]? Fronts = fronts;
}

/// <summary>
/// Attention of one new token a row in float32 on the CPU, over keys and values where they lie: the equal of
/// <see cref="Attention.Mix"/> in one go. A row has the same bits whatever rows and hidden columns stand beside it and
/// wherever its keys and values lie, and a short one costs no more beside a long one.
/// </summary>
internal static unsafe class TokenAttention
{
    // Products of numbers below which one thread does it all.
    private const long LeastShared = 1L << 16;

    /// <summary>What queries take from the values, before the projection.</summary>
    /// <param name="queries">[B, 1, H, D], contiguous.</param>
    /// <param name="places">Keys and values.</param>
    /// <param name="pass">Shape and mask of this layer, not in parts.</param>
    /// <returns>[B, 1, H * D].</returns>
    public static Tensor Mix(Tensor queries, in KeyValuePlaces places, in AttentionPass pass) => Lanes.AreWide
        ? Mix<WideLanes>(queries, places, pass) : Mix<PairedLanes>(queries, places, pass);

    /// <summary>The same with a form of numbers that are worked on together.</summary>
    public static Tensor Mix<T>(Tensor queries, in KeyValuePlaces places, in AttentionPass pass)
        where T : struct, ILanes<T>
    {
        Tensor mixed = empty([queries.size(Axis.Row), 1, (long)pass.Shape.Count * pass.Shape.Size],
            ScalarType.Float32);
        using Tensor? mask = pass.Mask.Added?.contiguous();
        int parts = (int)queries.size(Axis.Row) * pass.Shape.KeyValueCount;
        bool isShared = mixed.numel() * places.Most >= LeastShared;
        int threads = isShared ? Math.Min(get_num_threads(), parts) : 1;
        int padded = Padded(places.Most + ProductTile.Edge - 1);
        float[] scores = ArrayPool<float>.Shared.Rent(threads * ProductTile.Edge * padded);
        fixed (byte* from = queries.bytes, to = mixed.bytes, added = mask is null ? default : mask.bytes)
        fixed (float* ofThreads = scores)
        {
            var seen = mask is null ? default : new Seen((float*)added, places.Most,
                mask.size(1) == 1 ? 0 : (nint)mask.size(2) * places.Most, mask.size(2) == 1 ? 0 : places.Most,
                (nint)(mask.size(1) * mask.size(2)) * places.Most);
            var job = new Job((float*)from, places, seen, ofThreads, padded, (float*)to);
            SharedWork work = places.AreNarrow ? new Work<T, KeptBFloat16>(job, pass, parts)
                : new Work<T, KeptFloat32>(job, pass, parts);
            work.Run(threads);
        }
        ArrayPool<float>.Shared.Return(scores);
        return mixed;
    }

    // Scores are made in whole tiles and gone over in whole steps.
    private static int Padded(int count) => (count + Lanes.Count - 1) / Lanes.Count * Lanes.Count;

    // What is added to scores: [B, 1 or G, R or 1, S]; a step of 0 where all have the same.
    private readonly struct Seen(float* added, int count, nint headStep, nint queryStep, nint rowStep)
    {
        public float* Of(int row, int head, int query) =>
            count == 0 ? null : added + row * rowStep + head * headStep + query * queryStep;
    }

    // Keys or values of a head that lie one behind the other.
    private readonly struct Stretch(byte* first, int count)
    {
        public readonly byte* First = first;
        public readonly int Count = count;
    }

    private readonly struct Job(float* queries, KeyValuePlaces places, Seen seen, float* scores, nint padded,
        float* mixed)
    {
        public readonly float* Queries = queries;
        public readonly KeyValuePlaces Places = places;
        public readonly Seen Seen = seen;
        public readonly float* Scores = scores;

        // From the scores of one query to the next one's.
        public readonly nint Padded = padded;
        public readonly float* Mixed = mixed;
    }

    private sealed class Work<T, TKept>(Job job, AttentionPass pass, int parts) : SharedWork
        where T : struct, ILanes<T>
        where TKept : struct, IKeptNumbers
    {
        private readonly Job _job = job;
        private readonly HeadShape _shape = pass.Shape;
        private readonly int _layer = pass.Layer;
        private readonly float _factor = (float)(pass.QueryFactor / Math.Sqrt(pass.Shape.Size));
        private readonly float _cap = (float)(pass.Stack.ScoreCap ?? 0);

        // A key/value head of a row each, those of one head together: what rows have in front of them in common is read
        // from memory for the first of them and found in the processor's cache by the others.
        protected override int Parts => parts;

        protected override void Do(int part, int thread)
        {
            int heads = _shape.KeyValueCount, rows = parts / heads, row = part % rows, head = part / rows;
            nint place = row * _job.Places.LaneNumbers + head * _job.Places.HeadNumbers;
            int count = _job.Places.Counts[row];
            KeyValueFront front = _job.Places.Fronts is { } fronts ? fronts[row] : default;
            nint ofHead = (nint)front.Count * _shape.Size, inFront = (2 * _layer * heads + head) * ofHead;
            Stretch frontKeys = At(front.Start, inFront, front.Count);
            Stretch frontValues = At(front.Start, inFront + heads * ofHead, front.Count);
            Stretch keys = At(_job.Places.Keys, place, count), values = At(_job.Places.Values, place, count);
            float* weights = _job.Scores + thread * ProductTile.Edge * _job.Padded;
            float* sums = stackalloc float[ProductTile.Numbers], inverses = stackalloc float[ProductTile.Edge];
            // Queries of a group read its keys and values together, as many as there are registers for.
            int most = ProductTile.MostRows<T>();
            for (int first = 0; first < _shape.Group; first += most)
            {
                int query = head * _shape.Group + first, taken = Math.Min(most, _shape.Group - first);
                nint own = (nint)(row * _shape.Count + query) * _shape.Size;
                var queries = new TileRows(_job.Queries + own, _shape.Size, taken);
                Multiply(queries, frontKeys, weights, sums);
                Multiply(queries, keys, weights + front.Count, sums);
                for (int i = 0; i < taken; i++)
                {
                    inverses[i] = 1 / Weigh(weights + i * _job.Padded, front.Count + count,
                        _job.Seen.Of(row, head, first + i));
                }
                Take(new TileRows(weights, _job.Padded, taken), frontValues, values, inverses, _job.Mixed + own, sums);
            }
        }

        private static Stretch At(byte* start, nint place, int count) => new(start + place * TKept.Bytes, count);

        /// <summary>
        /// The products of queries with some keys. Up to three numbers behind a query's last one are written, too.
        /// </summary>
        private void Multiply(in TileRows queries, Stretch keys, float* products, float* sums)
        {
            int size = _shape.Size, steps = size / Lanes.Count;
            nint bytes = size * TKept.Bytes;
            for (int key = 0; key < keys.Count; key += ProductTile.Edge)
            {
                byte* first = keys.First + key * bytes;
                int count = Math.Min(ProductTile.Edge, keys.Count - key);
                ProductTile.Add<T, TKept, OwnFactors>(queries, new TileColumns(first, size, Lanes.Count, count), steps,
                    sums, goesOn: false);
                for (int query = 0; query < queries.Count; query++)
                {
                    float* to = products + query * _job.Padded + key;
                    ProductTile.Sums<T>(sums, query).Store(to);
                    for (int i = 0; steps * Lanes.Count < size && i < count; i++)
                        to[i] = WithRest(to[i], queries.First + query * queries.Apart, first + i * bytes);
                }
            }
        }

        // The numbers behind the last whole step are added one by one.
        private float WithRest(float sum, float* query, byte* key)
        {
            int size = _shape.Size;
            for (int i = size / Lanes.Count * Lanes.Count; i < size; i++)
                sum = float.FusedMultiplyAdd(query[i], TKept.One(key, i), sum);
            return sum;
        }

        /// <summary>exp(score - largest) of every key, from their products; gives their sum.</summary>
        private float Weigh(float* weights, int count, float* added)
        {
            float largest = Score(new Span<float>(weights, count), added);
            int padded = Padded(count);
            for (int key = count; key < padded; key++)
                weights[key] = float.NegativeInfinity;
            T less = T.All(-largest), sum = T.All(0);
            for (int key = 0; key < padded; key += Lanes.Count)
            {
                T weight = T.Exp(T.Add(T.Load(weights + key), less));
                T.Store(weight, weights + key);
                sum = T.Add(sum, weight);
            }
            return T.Sum(sum);
        }

        /// <summary>Makes scores of products; gives the largest.</summary>
        private float Score(Span<float> scores, float* added)
        {
            TensorPrimitives.Multiply<float>(scores, _factor, scores);
            for (int key = 0; _cap > 0 && key < scores.Length; key++)
                scores[key] = _cap * MathF.Tanh(scores[key] / _cap);
            if (added is not null)
                TensorPrimitives.Add<float>(scores, new ReadOnlySpan<float>(added, scores.Length), scores);
            return TensorPrimitives.Max<float>(scores);
        }

        /// <summary>The means of the values by each query's weights.</summary>
        private void Take(in TileRows weights, Stretch front, Stretch own, float* inverses, float* mixed, float* sums)
        {
            int size = _shape.Size, whole = size / Lanes.Count;
            var ofOwn = new TileRows(weights.First + front.Count, weights.Apart, weights.Count);
            for (int block = 0; block < whole; block += ProductTile.Edge)
            {
                int count = Math.Min(ProductTile.Edge, whole - block);
                nint at = block * Lanes.Count, bytes = at * TKept.Bytes;
                ProductTile.Add<T, TKept, SameFactor>(weights,
                    new TileColumns(front.First + bytes, Lanes.Count, size, count), front.Count, sums, goesOn: false);
                ProductTile.Add<T, TKept, SameFactor>(ofOwn,
                    new TileColumns(own.First + bytes, Lanes.Count, size, count), own.Count, sums, goesOn: true);
                for (int query = 0; query < weights.Count; query++)
                {
                    float* to = mixed + query * size + at;
                    T inverse = T.All(inverses[query]);
                    for (int i = 0; i < count; i++)
                        T.Store(T.Multiply(T.Load(ProductTile.Place(sums, query, i)), inverse), to + i * Lanes.Count);
                }
            }
            for (int query = 0; query < weights.Count; query++)
            {
                float* of = weights.First + query * weights.Apart;
                for (int i = whole * Lanes.Count; i < size; i++)
                {
                    float taken = AddedOne(of + front.Count, own, i, size, AddedOne(of, front, i, size, 0));
                    mixed[query * size + i] = taken * inverses[query];
                }
            }
        }

        private static float AddedOne(float* weights, Stretch values, int i, int size, float sum)
        {
            nint from = i;
            for (int key = 0; key < values.Count; key++, from += size)
                sum = float.FusedMultiplyAdd(weights[key], TKept.One(values.First, from), sum);
            return sum;
        }
    }
}
