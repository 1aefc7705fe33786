using System;

namespace Microsoft.ML.PrefixTuning.Prefixes;

/// <summary>
/// A small generator of our own (<see cref="SplitMix64"/>): the same numbers for a seed on every runtime,
/// and independent streams for independent purposes, so that nothing has to be saved to go on after a stop.
/// </summary>
internal sealed class SeededRandom
{
    private ulong _state;

    /// <summary>The stream of a seed and a purpose.</summary>
    /// <param name="seed">Seed.</param>
    /// <param name="purpose">What the numbers are for.</param>
    /// <param name="number">Which stream of this purpose: an epoch, a step, a site.</param>
    public SeededRandom(int seed, RandomPurpose purpose, long number = 0)
    {
        _state = (ulong)seed;
        _state = Next() ^ (ulong)purpose;
        _state = Next() ^ (ulong)number;
    }

    /// <summary>Uniform from 0 to below <paramref name="bound"/>.</summary>
    public int Below(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);

    /// <summary>Uniform from 0 to below 1.</summary>
    public double Uniform() => SplitMix64.Uniform(Next());

    /// <summary>Normally distributed numbers around 0 (Box and Muller 1958).</summary>
    /// <param name="count">How many.</param>
    /// <param name="deviation">Standard deviation.</param>
    public float[] Normal(long count, double deviation)
    {
        var values = new float[count];
        for (long i = 0; i < count; i += 2)
        {
            double radius = deviation * Math.Sqrt(-2 * Math.Log(1 - Uniform()));
            (double sine, double cosine) = Math.SinCos(2 * Math.PI * Uniform());
            values[i] = (float)(radius * cosine);
            if (i + 1 < count)
                values[i + 1] = (float)(radius * sine);
        }
        return values;
    }

    /// <summary>Numbers uniform between minus and plus <paramref name="bound"/>.</summary>
    public float[] Uniform(long count, double bound)
    {
        var values = new float[count];
        for (long i = 0; i < count; i++)
            values[i] = (float)((2 * Uniform() - 1) * bound);
        return values;
    }

    /// <summary>Puts items into random order (Fisher and Yates).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (int last = items.Length - 1; last > 0; last--)
        {
            int other = Below(last + 1);
            (items[last], items[other]) = (items[other], items[last]);
        }
    }

    private ulong Next()
    {
        ulong number = SplitMix64.Next(_state);
        _state += SplitMix64.Step;
        return number;
    }
}

/// <summary>What random numbers are for: each purpose has streams of its own.</summary>
internal enum RandomPurpose
{
    /// <summary>Starting values of a prefix or a network.</summary>
    Start,

    /// <summary>Order of training rows.</summary>
    Order,

    /// <summary>Dropout in a network that makes a prefix.</summary>
    Dropout,

    /// <summary>Places that a search for words looks at.</summary>
    Search,

    /// <summary>Dropout of a prefix's positions.</summary>
    Positions,
}
