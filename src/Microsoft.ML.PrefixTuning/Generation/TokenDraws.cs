using System;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// A stream of random numbers that belongs to one text: a function of the seed, the row's own ids, the number of the
/// sequence and the place in the text, and of nothing else (SplitMix64 of Steele et al. 2014, as a counter).
/// </summary>
internal sealed class TokenDraws
{
    private const ulong Step = 0x9E3779B97F4A7C15;
    private readonly ulong _key;

    /// <summary>The stream of a text.</summary>
    /// <param name="seed">The caller's seed.</param>
    /// <param name="ids">The row's own ids.</param>
    /// <param name="number">Which of the row's sequences, from 0.</param>
    public TokenDraws(int seed, ReadOnlySpan<int> ids, int number)
    {
        _key = Mix(unchecked((ulong)(long)seed));
        foreach (int id in ids)
            _key = Mix(_key ^ unchecked((ulong)id + Step));
        _key = Mix(_key ^ unchecked((ulong)number * Step));
    }

    /// <summary>The number at a place in the text, uniform in [0, 1).</summary>
    public double At(int place) => (Mix(unchecked(_key + (ulong)(place + 1) * Step)) >> 11) * (1.0 / (1UL << 53));

    private static ulong Mix(ulong value)
    {
        unchecked
        {
            value += Step;
            value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
            value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
            return value ^ (value >> 31);
        }
    }
}
