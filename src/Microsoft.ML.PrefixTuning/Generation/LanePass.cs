using System;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>One run of the decoder over lanes of a cache.</summary>
/// <param name="Lanes">Where in the cache.</param>
/// <param name="Rows">The row of each lane.</param>
/// <param name="Lengths">New tokens of each lane.</param>
internal readonly record struct LanePass(LaneRange Lanes, ActiveRow[] Rows, int[] Lengths)
{
    /// <summary>The hidden states of the new tokens, whose keys and values the cache takes.</summary>
    /// <param name="model">The base, or how single tokens go through it.</param>
    /// <param name="cache">What the lanes look back on.</param>
    /// <param name="ids">[B, L], int64.</param>
    /// <param name="cross">The encoder's output; null without one.</param>
    /// <returns>[B, L, E].</returns>
    public Tensor Run(LanguageModel model, KeyValueCache cache, Tensor ids, CrossInput? cross)
    {
        int tokens = (int)ids.size(Axis.Token), columns = 0;
        var states = new RowState[Rows.Length];
        for (int lane = 0; lane < states.Length; lane++)
        {
            states[lane] = Rows[lane].State(Lengths[lane]);
            columns = Math.Max(columns, Rows[lane].NextColumn + Lengths[lane]);
        }
        cache.Begin(Lanes, Array.ConvertAll(Rows, row => row.NextColumn), tokens, columns,
            Array.ConvertAll(Rows, row => row.SharedPrefix), Array.ConvertAll(Rows, row => row.Memory));
        AttentionPlaces seen =
            TokenPlaces.Causal(states, tokens, columns, Array.ConvertAll(Rows, row => row.Convention));
        return model.Decode(model.Embed(ids), seen, cache, cross);
    }
}
