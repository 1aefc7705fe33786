using System;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>One run of the decoder over lanes of a cache.</summary>
/// <param name="Lanes">Where in the cache.</param>
/// <param name="States">One a lane.</param>
/// <param name="Tokens">New tokens of each lane.</param>
/// <param name="Conventions">One a lane.</param>
internal readonly record struct LanePass(LaneRange Lanes, RowState[] States, int Tokens,
    PrefixConvention[] Conventions)
{
    /// <summary>The hidden states of the new tokens, whose keys and values the cache takes.</summary>
    /// <param name="model">The base, or how single tokens go through it.</param>
    /// <param name="cache">What the lanes look back on.</param>
    /// <param name="ids">[B, L], int64.</param>
    /// <param name="cross">The encoder's output; null without one.</param>
    /// <returns>[B, L, E].</returns>
    public Tensor Run(LanguageModel model, KeyValueCache cache, Tensor ids, CrossInput? cross)
    {
        int columns = 0;
        var firstColumns = new int[Lanes.Count];
        for (int lane = 0; lane < firstColumns.Length; lane++)
        {
            firstColumns[lane] = States[lane].PrefixLength + States[lane].Present;
            columns = Math.Max(columns, firstColumns[lane] + States[lane].New);
        }
        cache.Begin(Lanes, firstColumns, Tokens, columns);
        AttentionPlaces seen = TokenPlaces.Causal(States, Tokens, columns, Conventions);
        return model.Decode(model.Embed(ids), seen, cache, cross);
    }
}
