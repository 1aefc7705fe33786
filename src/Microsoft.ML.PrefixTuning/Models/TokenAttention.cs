using System;
using System.Buffers;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

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
/// <param name="counts">[B]: keys that each lane has; a head's lie one behind the other.</param>
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
    public static Tensor Mix(Tensor queries, in KeyValuePlaces places, in AttentionPass pass)
    {
        Tensor mixed = empty([queries.size(Axis.Row), 1, (long)pass.Shape.Count * pass.Shape.Size],
            ScalarType.Float32);
        using Tensor? mask = pass.Mask.Added?.contiguous();
        int parts = (int)queries.size(Axis.Row) * pass.Shape.KeyValueCount;
        bool isShared = mixed.numel() * places.Most >= LeastShared;
        int threads = isShared ? Math.Min(get_num_threads(), parts) : 1, padded = Padded(places.Most);
        float[] scores = ArrayPool<float>.Shared.Rent(threads * padded);
        fixed (byte* from = queries.bytes, to = mixed.bytes, added = mask is null ? default : mask.bytes)
        fixed (float* ofThreads = scores)
        {
            var seen = mask is null ? default : new Seen((float*)added, places.Most,
                mask.size(1) == 1 ? 0 : (nint)mask.size(2) * places.Most, mask.size(2) == 1 ? 0 : places.Most,
                (nint)(mask.size(1) * mask.size(2)) * places.Most);
            var job = new Job((float*)from, places, seen, ofThreads, padded, (float*)to);
            SharedWork work = places.AreNarrow
                ? Lanes.AreWide ? new Work<WideLanes, KeptBFloat16>(job, pass, parts)
                    : new Work<PairedLanes, KeptBFloat16>(job, pass, parts)
                : Lanes.AreWide ? new Work<WideLanes, KeptFloat32>(job, pass, parts)
                    : new Work<PairedLanes, KeptFloat32>(job, pass, parts);
            work.Run(threads);
        }
        ArrayPool<float>.Shared.Return(scores);
        return mixed;
    }

    // Scores are gone over in whole steps.
    private static int Padded(int count) => (count + Lanes.Count - 1) / Lanes.Count * Lanes.Count;

    // What is added to scores: [B, 1 or G, R or 1, S]; a step of 0 where all have the same.
    private readonly struct Seen(float* added, int count, nint headStep, nint queryStep, nint rowStep)
    {
        public float* Of(int row, int head, int query) =>
            count == 0 ? null : added + row * rowStep + head * headStep + query * queryStep;
    }

    // Keys or values of a head that lie one behind the other.
    private readonly struct Stretch(byte* numbers, nint first, int count)
    {
        public readonly byte* Numbers = numbers;
        public readonly nint First = first;
        public readonly int Count = count;
    }

    private readonly struct Job(float* queries, KeyValuePlaces places, Seen seen, float* scores, nint threadScores,
        float* mixed)
    {
        public readonly float* Queries = queries;
        public readonly KeyValuePlaces Places = places;
        public readonly Seen Seen = seen;
        public readonly float* Scores = scores;
        public readonly nint ThreadScores = threadScores;
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
            var frontKeys = new Stretch(front.Start, inFront, front.Count);
            var frontValues = new Stretch(front.Start, inFront + heads * ofHead, front.Count);
            var keys = new Stretch(_job.Places.Keys, place, count);
            var values = new Stretch(_job.Places.Values, place, count);
            float* weights = _job.Scores + thread * _job.ThreadScores;
            for (int query = 0; query < _shape.Group; query++)
            {
                nint own = (nint)(row * _shape.Count + head * _shape.Group + query) * _shape.Size;
                float sum = Weigh(_job.Queries + own, frontKeys, keys, _job.Seen.Of(row, head, query), weights);
                Take(weights, sum, frontValues, values, _job.Mixed + own);
            }
        }

        /// <summary>exp(score - largest) of every key; gives their sum.</summary>
        private float Weigh(float* query, Stretch front, Stretch own, float* added, float* weights)
        {
            int count = front.Count + own.Count, padded = Padded(count);
            float largest = Score(query, front, added, weights, float.NegativeInfinity);
            largest = Score(query, own, added is null ? null : added + front.Count, weights + front.Count, largest);
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

        /// <summary>The scores of some keys; gives the largest, or a former one where it is larger.</summary>
        private float Score(float* query, Stretch keys, float* added, float* scores, float largest)
        {
            int size = _shape.Size;
            for (int key = 0; key < keys.Count; key++)
            {
                float score = Dot(query, keys.Numbers, keys.First + (nint)key * size, size) * _factor;
                if (_cap > 0)
                    score = _cap * MathF.Tanh(score / _cap);
                if (added is not null)
                    score += added[key];
                scores[key] = score;
                largest = MathF.Max(largest, score);
            }
            return largest;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static float Dot(float* query, byte* keys, nint key, int size)
        {
            T lanes = T.All(0);
            int i = 0;
            for (; i <= size - Lanes.Count; i += Lanes.Count)
                lanes = T.MultiplyAdd(T.Load(query + i), TKept.Load<T>(keys, key + i), lanes);
            float sum = T.Sum(lanes);
            for (; i < size; i++)
                sum = float.FusedMultiplyAdd(query[i], TKept.One(keys, key + i), sum);
            return sum;
        }

        /// <summary>The mean of the values by their weights.</summary>
        private void Take(float* weights, float sum, Stretch front, Stretch own, float* mixed)
        {
            float* ofOwn = weights + front.Count;
            int size = _shape.Size, i = 0;
            float inverse = 1 / sum;
            for (; i <= size - Lanes.Count; i += Lanes.Count)
            {
                T taken = Added(weights, front, i, size, T.All(0));
                taken = Added(ofOwn, own, i, size, taken);
                T.Store(T.Multiply(taken, T.All(inverse)), mixed + i);
            }
            for (; i < size; i++)
            {
                float taken = AddedOne(ofOwn, own, i, size, AddedOne(weights, front, i, size, 0));
                mixed[i] = taken * inverse;
            }
        }

        /// <summary>A sum with sixteen numbers of some values by their weights, one value after the other.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static T Added(float* weights, Stretch values, int i, int size, T sum)
        {
            nint from = values.First + i;
            for (int key = 0; key < values.Count; key++, from += size)
                sum = T.MultiplyAdd(T.All(weights[key]), TKept.Load<T>(values.Numbers, from), sum);
            return sum;
        }

        private static float AddedOne(float* weights, Stretch values, int i, int size, float sum)
        {
            nint from = values.First + i;
            for (int key = 0; key < values.Count; key++, from += size)
                sum = float.FusedMultiplyAdd(weights[key], TKept.One(values.Numbers, from), sum);
            return sum;
        }
    }
}
