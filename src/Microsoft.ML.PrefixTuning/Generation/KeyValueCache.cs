using System;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// The memory of decoding: every pass puts its tokens behind what a lane holds. A lane's prefix is not in it, but lies
/// once for all lanes that have it, unless the lane's first columns hold a copy. Only used columns are handed to
/// attention. Owns its block, not the prefixes.
/// </summary>
internal sealed class KeyValueCache(StackSpec stack, ScalarType type, Device device) : IKeyValueMemory, IDisposable
{
    private Tensor? _places;
    private Tensor[]? _visible;
    private LaneRange _lanes;
    private Tensor?[] _prefixes = [];
    private Tensor?[] _memories = [];
    private nint[] _memoryStarts = [];
    private KeyValueFront[] _fronts = [];
    private int[] _firstColumns = [];
    private int[] _counts = [];
    private int _heldColumns;
    private int _columns;

    public KeyValueBlock Block { get; } = new(stack.Layers, stack.Heads, type, device);

    /// <summary>
    /// Whether one token a row attends to keys where they lie, a prefix's beside its lanes. Elsewhere each token would
    /// have to put all that a lane sees together anew.
    /// </summary>
    public bool SharesPrefixes => Block.IsInReach;

    /// <summary>
    /// Says where the tokens of the next pass go. Holds tensors of the caller's dispose scope until then.
    /// </summary>
    /// <param name="lanes">Lanes of the pass, B.</param>
    /// <param name="firstColumns">
    /// [B]: where each lane's first new token goes; the columns of a prefix in front count, too.
    /// </param>
    /// <param name="tokens">L: new tokens of every lane, padding behind them included.</param>
    /// <param name="columns">S: columns that attention gets; what lies behind them is padding.</param>
    /// <param name="prefixes">
    /// [B]: the prefix in front of each lane, [N, 2, G, P, D], contiguous, in the type of the cache; null for a lane
    /// that has none or holds it. They must live until the pass is over. Null where that is so of all lanes.
    /// </param>
    /// <param name="memories">
    /// [B]: the memory outside of the softmax of each lane, [N, 1, H, D, D], as prefixes are; null for a lane that has
    /// none. Null where no lane has one.
    /// </param>
    public void Begin(LaneRange lanes, ReadOnlySpan<int> firstColumns, int tokens, int columns,
        Tensor?[]? prefixes = null, Tensor?[]? memories = null)
    {
        _memories = memories is null || Array.TrueForAll(memories, memory => memory is null) ? [] : memories;
        (_lanes, _prefixes) = (lanes, prefixes ?? new Tensor?[lanes.Count]);
        (_firstColumns, _columns, _heldColumns) = (firstColumns.ToArray(), columns, 0);
        for (int lane = 0; lane < lanes.Count; lane++)
        {
            int front = LengthOf(_prefixes[lane]);
            _heldColumns = Math.Max(_heldColumns, Math.Min(firstColumns[lane] + tokens, columns) - front);
            _firstColumns[lane] -= front;
        }
        _counts = Array.ConvertAll(_firstColumns, first => first + tokens);
        Block.Ensure(_heldColumns);
        _places = Places(tokens);
        // One token a row may be attended to where its keys lie, which asks for nothing beside them.
        bool isOneToken = tokens == 1 && Block.IsInReach;
        _visible = isOneToken ? null : Block.Read(lanes, _heldColumns);
        _fronts = isOneToken ? Fronts() : [];
        _memoryStarts = isOneToken ? Array.ConvertAll(_memories, memory => memory is null ? 0 : Block.Start(memory))
            : [];
    }

    public (Tensor Keys, Tensor Values) Append(AttentionSite site, int layer, Tensor keys, Tensor values)
    {
        // Reading empties columns that nothing was written to yet; it must not find the new ones.
        Tensor[] visible = _visible ?? Block.Read(_lanes, _heldColumns);
        Block.Write(layer, _places!, keys, values);
        return (BehindPrefixes(layer, 0, visible[2 * layer]), BehindPrefixes(layer, 1, visible[2 * layer + 1]));
    }

    public Tensor? Recall(AttentionSite site, int layer, Tensor queries)
    {
        if (_memories.Length == 0)
            return null;
        if (_memoryStarts.Length > 0 && RowKernels.Suits(queries))
        {
            nint before = (nint)layer * stack.Heads.Count * stack.Heads.Size * stack.Heads.Size * Block.NumberBytes;
            return TokenRecall.Take(queries, Array.ConvertAll(_memoryStarts, start => start == 0 ? 0 : start + before),
                Block.IsNarrow);
        }
        Tensor all = zeros([queries.size(Axis.Row), queries.size(Axis.Token), stack.Heads.Count * stack.Heads.Size],
            queries.dtype, queries.device);
        for (int next, lane = 0; lane < _memories.Length; lane = next)
        {
            next = NextOther(_memories, lane);
            if (_memories[lane] is not { } memory)
                continue;
            Tensor own = memory.select(0, layer).select(0, 0).to(queries.dtype);
            all.narrow(Axis.Row, lane, next - lane)
                .copy_(HeadMemory.Recall(queries.narrow(Axis.Row, lane, next - lane), own));
        }
        return all;
    }

    public KeyValuePlaces? AppendToken(AttentionSite site, int layer, Tensor keys, Tensor values)
    {
        if (!Block.IsInReach)
            return null;
        Block.WriteTokens(layer, _lanes, _firstColumns, keys, values);
        return Block.Places(layer, _lanes, _counts, _columns, _fronts);
    }

    public void Dispose() => Block.Dispose();

    // Neighbours of one prefix in one go.
    private static int NextOther(Tensor?[] ofLanes, int lane)
    {
        int next = lane + 1;
        while (next < ofLanes.Length && ReferenceEquals(ofLanes[lane], ofLanes[next]))
            next++;
        return next;
    }

    private static int LengthOf(Tensor? prefix) => prefix is null ? 0 : (int)prefix.size(SitePrefixes.LengthAxis);

    /// <summary>Where each head's part of each new token goes in the block, [B * G * L].</summary>
    private Tensor Places(int tokens)
    {
        int heads = stack.Heads.KeyValueCount, at = 0;
        var places = new long[_lanes.Count * heads * tokens];
        // Padding for which there is no room is left in the last column, where nothing is yet.
        int last = Block.Columns - 1;
        for (int lane = 0; lane < _lanes.Count; lane++)
        {
            for (int head = 0; head < heads; head++)
            {
                for (int token = 0; token < tokens; token++)
                {
                    int column = Math.Min(_firstColumns[lane] + token, last);
                    places[at++] = Block.Place(_lanes.First + lane * _lanes.Stride, head, column);
                }
            }
        }
        return tensor(places, device: device);
    }

    private unsafe KeyValueFront[] Fronts()
    {
        var fronts = new KeyValueFront[_prefixes.Length];
        for (int lane = 0; lane < fronts.Length; lane++)
        {
            if (_prefixes[lane] is not { } prefix)
                continue;
            fronts[lane] = lane > 0 && ReferenceEquals(prefix, _prefixes[lane - 1]) ? fronts[lane - 1]
                : new KeyValueFront((byte*)Block.Start(prefix), LengthOf(prefix));
        }
        return fronts;
    }

    /// <summary>What lanes hold, each lane's behind its prefix: for what takes all columns as one tensor.</summary>
    /// <param name="layer">Layer, from 0.</param>
    /// <param name="half">0 for keys, 1 for values.</param>
    /// <param name="held">[B, G, held columns, D].</param>
    /// <returns>[B, G, S, D], zeros behind what there is of a lane.</returns>
    private Tensor BehindPrefixes(int layer, int half, Tensor held)
    {
        if (Array.TrueForAll(_prefixes, prefix => prefix is null))
            return held;
        Tensor all = empty([_lanes.Count, stack.Heads.KeyValueCount, _columns, stack.Heads.Size], held.dtype,
            held.device);
        for (int next, lane = 0; lane < _prefixes.Length; lane = next)
        {
            Tensor? prefix = _prefixes[lane];
            next = NextOther(_prefixes, lane);
            int front = LengthOf(prefix), count = Math.Min(_heldColumns, _columns - front), end = front + count;
            Tensor part = all.narrow(Axis.Row, lane, next - lane);
            if (prefix is not null)
                part.narrow(Axis.Key, 0, front).copy_(prefix.select(0, layer).select(0, half));
            part.narrow(Axis.Key, front, count)
                .copy_(held.narrow(Axis.Row, lane, next - lane).narrow(Axis.Key, 0, count));
            part.narrow(Axis.Key, end, _columns - end).zero_();
        }
        return all;
    }
}
