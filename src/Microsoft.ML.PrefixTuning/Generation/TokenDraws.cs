using System;
using Microsoft.ML.PrefixTuning.Prefixes;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// A stream of random numbers that belongs to one text: a function of the seed, the row's own ids and draw, the
/// number of the sequence and the place in the text, and of nothing else (<see cref="SplitMix64"/>, as a counter).
/// </summary>
internal sealed class TokenDraws
{
    private readonly ulong _key;

    /// <summary>The stream of a text.</summary>
    /// <param name="seed">The caller's seed.</param>
    /// <param name="ids">The row's own ids.</param>
    /// <param name="number">Which of the row's sequences, from 0.</param>
    /// <param name="draw">What tells rows of one input apart; null where nothing does.</param>
    public TokenDraws(int seed, ReadOnlySpan<int> ids, int number, string? draw = null)
    {
        _key = SplitMix64.Next(unchecked((ulong)(long)seed));
        foreach (int id in ids)
            _key = SplitMix64.Next(_key ^ unchecked((ulong)id + SplitMix64.Step));
        foreach (char letter in draw ?? "")
            _key = SplitMix64.Next(_key ^ unchecked(letter + SplitMix64.Step));
        _key = SplitMix64.Next(_key ^ unchecked((ulong)number * SplitMix64.Step));
    }

    /// <summary>The number at a place in the text, uniform in [0, 1).</summary>
    public double At(int place) =>
        SplitMix64.Uniform(SplitMix64.Next(unchecked(_key + (ulong)(place + 1) * SplitMix64.Step)));
}
