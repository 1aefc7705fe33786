using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using static Microsoft.ML.PrefixTuning.Tests.Models.TestTensors;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>
/// Queries, keys and values of rows with and without something in front of them, and what comes of them number by
/// number: products in sixteen sums, then what is left over; weights in sixteen sums; values one after the other.
/// </summary>
internal sealed class TokenAttentionTrial
{
    private const int Groups = 2;
    private static readonly int[] s_front = [5, 0, 19, 5];
    private static readonly int[] s_own = [1, 16, 14, 41];

    // Of the longest row, and some that no row has: whole steps, and less than the longest row's whole tiles.
    private static readonly int s_most = s_front.Zip(s_own, (front, own) => front + own).Max() + 2;

    private readonly StackSpec _stack;
    private readonly Tensor _queries;
    private readonly Tensor _keys;
    private readonly Tensor _values;
    private readonly Tensor?[] _fronts;
    private readonly Tensor? _mask;

    /// <summary>Numbers from seeds.</summary>
    /// <param name="group">Queries of a key/value head; mask and cap are others for other numbers of them.</param>
    /// <param name="size">Numbers of a head.</param>
    /// <param name="type">Of keys and values.</param>
    public TokenAttentionTrial(int group, int size, ScalarType type)
    {
        _stack = new StackSpec
        {
            Layers = 1,
            Heads = new HeadShape(Groups * group, Groups, size),
            Norm = new NormSpec(NormKind.Layer, 1e-5),
            Residual = Residual.NormFirst,
            FeedForward = new FeedForwardSpec(Activation.Silu, 16, Gated: true),
            Positions = new LearnedPositions(64),
            ScoreCap = group % 2 == 0 ? 3 : null,
        };
        int rows = s_own.Length;
        _queries = Normal(1, rows, 1, Groups * group, size);
        _keys = Normal(2, rows, Groups, s_own.Max(), size).to(type);
        _values = Normal(3, rows, Groups, s_own.Max(), size).to(type);
        // What no row sees is no number: it would show in whatever took it.
        for (int row = 0; row < rows; row++)
        {
            int unseen = s_own.Max() - s_own[row];
            _keys[row].narrow(1, s_own[row], unseen).fill_(float.NaN);
            _values[row].narrow(1, s_own[row], unseen).fill_(float.NaN);
        }
        _fronts = [.. s_front.Select((count, row) => count == 0 ? null
            : Normal(4 + row, 1, 2, Groups, count, size).to(type))];
        _mask = (group % 3) switch
        {
            0 => null,
            1 => Normal(8, rows, 1, 1, s_most),
            _ => Normal(9, rows, Groups, group, s_most),
        };
    }

    /// <summary>That a form of lanes makes the same bits as number by number.</summary>
    public unsafe void AssertBits<T>()
        where T : struct, ILanes<T>
    {
        var fronts = new KeyValueFront[s_front.Length];
        // On the CPU a tensor's numbers stay where they are.
        for (int row = 0; row < fronts.Length; row++)
        {
            if (_fronts[row] is not { } front)
                continue;
            fixed (byte* start = front.bytes)
                fronts[row] = new KeyValueFront(start, s_front[row]);
        }
        var pass = new AttentionPass(AttentionSite.Decoder, 0, _stack, null!, null, new AttentionMask(_mask),
            NoMemory.Instance);
        fixed (byte* keys = _keys.bytes, values = _values.bytes)
        {
            var places = new KeyValuePlaces(keys, values, _keys.dtype == ScalarType.BFloat16,
                (nint)_keys.stride(0), (nint)_keys.stride(1), s_own, s_most, fronts);
            AreSame(OneByOne<T>(), TokenAttention.Mix<T>(_queries, places, pass));
        }
    }

    private Tensor OneByOne<T>()
        where T : struct, ILanes<T>
    {
        HeadShape shape = _stack.Heads;
        Tensor mixed = empty([s_own.Length, 1, shape.Count * shape.Size], ScalarType.Float32);
        for (int row = 0; row < s_own.Length; row++)
        {
            for (int head = 0; head < Groups; head++)
            {
                float[][] keys = Seen(_keys, row, head, 0), values = Seen(_values, row, head, 1);
                for (int query = 0; query < shape.Group; query++)
                {
                    int place = head * shape.Group + query;
                    float[] taken = OneByOne<T>(Numbers(_queries[row, 0, place]), keys, values,
                        Added(row, head, query));
                    mixed[row, 0].narrow(0, place * shape.Size, shape.Size).copy_(tensor(taken));
                }
            }
        }
        return mixed;
    }

    private unsafe float[] OneByOne<T>(float[] query, float[][] keys, float[][] values, float[]? added)
        where T : struct, ILanes<T>
    {
        var weights = new float[(keys.Length + Lanes.Count - 1) / Lanes.Count * Lanes.Count];
        Array.Fill(weights, float.NegativeInfinity);
        for (int key = 0; key < keys.Length; key++)
        {
            weights[key] = Dot(query, keys[key]) * (float)(1 / Math.Sqrt(query.Length));
            if (_stack.ScoreCap is { } cap)
                weights[key] = (float)cap * MathF.Tanh(weights[key] / (float)cap);
            if (added is not null)
                weights[key] += added[key];
        }
        float largest = weights.Max();
        var sums = new float[Lanes.Count];
        fixed (float* of = weights)
        {
            for (int key = 0; key < weights.Length; key += Lanes.Count)
                T.Store(T.Exp(T.Add(T.Load(of + key), T.All(-largest))), of + key);
        }
        for (int key = 0; key < weights.Length; key++)
            sums[key % Lanes.Count] += weights[key];
        float inverse = 1 / Sum(sums);
        var taken = new float[query.Length];
        for (int i = 0; i < taken.Length; i++)
        {
            for (int key = 0; key < keys.Length; key++)
                taken[i] = float.FusedMultiplyAdd(weights[key], values[key][i], taken[i]);
            taken[i] *= inverse;
        }
        return taken;
    }

    private static float Dot(float[] query, float[] key)
    {
        var sums = new float[Lanes.Count];
        int whole = query.Length / Lanes.Count * Lanes.Count;
        for (int i = 0; i < whole; i++)
            sums[i % Lanes.Count] = float.FusedMultiplyAdd(query[i], key[i], sums[i % Lanes.Count]);
        float sum = Sum(sums);
        for (int i = whole; i < query.Length; i++)
            sum = float.FusedMultiplyAdd(query[i], key[i], sum);
        return sum;
    }

    // Of halves, of their halves, and so on.
    private static float Sum(float[] sums)
    {
        for (int half = sums.Length / 2; half > 0; half /= 2)
        {
            for (int i = 0; i < half; i++)
                sums[i] += sums[half + i];
        }
        return sums[0];
    }

    /// <summary>What a head of a row sees, key by key.</summary>
    /// <param name="own">[B, G, columns, D].</param>
    /// <param name="row">The row.</param>
    /// <param name="head">The head.</param>
    /// <param name="half">Which half of the front belongs to it.</param>
    private float[][] Seen(Tensor own, int row, int head, int half)
    {
        float[] inFront = _fronts[row] is { } front ? Numbers(front[0, half, head]) : [];
        return [.. inFront.Concat(Numbers(own[row, head].narrow(0, 0, s_own[row]))).Chunk(_stack.Heads.Size)];
    }

    private float[]? Added(int row, int head, int query) => _mask is null ? null
        : Numbers(_mask[row, _mask.size(1) == 1 ? 0 : head, _mask.size(2) == 1 ? 0 : query]);

    private static float[] Numbers(Tensor of) => of.to(ScalarType.Float32).contiguous().data<float>().ToArray();
}
