using System;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// The memory of decoding: a lane's first columns hold its prefix, written once, and every pass puts its tokens behind
/// what is there. Only used columns are handed to attention. Owns its block.
/// </summary>
internal sealed class KeyValueCache(StackSpec stack, ScalarType type, Device device) : IKeyValueMemory, IDisposable
{
    private Tensor? _places;
    private Tensor[]? _visible;
    private LaneRange _lanes;
    private int[] _firstColumns = [];
    private int[] _counts = [];
    private int _columns;

    public KeyValueBlock Block { get; } = new(stack.Layers, stack.Heads, type, device);

    /// <summary>
    /// Says where the tokens of the next pass go. Holds tensors of the caller's dispose scope until then.
    /// </summary>
    /// <param name="lanes">Lanes of the pass, B.</param>
    /// <param name="firstColumns">[B]: where each lane's first new token goes.</param>
    /// <param name="tokens">L: new tokens of every lane, padding behind them included.</param>
    /// <param name="columns">S: columns that attention gets; what lies behind them is padding.</param>
    public void Begin(LaneRange lanes, ReadOnlySpan<int> firstColumns, int tokens, int columns)
    {
        Block.Ensure(columns);
        int heads = stack.Heads.KeyValueCount, at = 0;
        var places = new long[lanes.Count * heads * tokens];
        // Padding for which there is no room is left in the last column, where nothing is yet.
        int last = Block.Columns - 1;
        for (int lane = 0; lane < lanes.Count; lane++)
        {
            for (int head = 0; head < heads; head++)
            {
                for (int token = 0; token < tokens; token++)
                {
                    int column = Math.Min(firstColumns[lane] + token, last);
                    places[at++] = Block.Place(lanes.First + lane * lanes.Stride, head, column);
                }
            }
        }
        (_lanes, _firstColumns, _columns) = (lanes, firstColumns.ToArray(), columns);
        _counts = Array.ConvertAll(_firstColumns, first => first + tokens);
        _places = tensor(places, device: device);
        // One token a row may be attended to where its keys lie, which asks for nothing beside them.
        _visible = tokens == 1 && Block.IsInReach ? null : Block.Read(lanes, columns);
    }

    public (Tensor Keys, Tensor Values) Append(AttentionSite site, int layer, Tensor keys, Tensor values)
    {
        Block.Write(layer, _places!, keys, values);
        Tensor[] visible = _visible ?? Block.Read(_lanes, _columns);
        return (visible[2 * layer], visible[2 * layer + 1]);
    }

    public KeyValuePlaces? AppendToken(AttentionSite site, int layer, Tensor keys, Tensor values)
    {
        if (!Block.IsInReach)
            return null;
        Block.WriteTokens(layer, _lanes, _firstColumns, keys, values);
        return Block.Places(layer, _lanes, _counts, _columns);
    }

    public void Dispose() => Block.Dispose();
}
