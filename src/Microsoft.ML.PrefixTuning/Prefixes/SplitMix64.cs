namespace Microsoft.ML.PrefixTuning.Prefixes;

/// <summary>SplitMix64 of Steele, Lea and Flood 2014, as a function of its counter.</summary>
internal static class SplitMix64
{
    /// <summary>What the counter grows by from number to number.</summary>
    public const ulong Step = 0x9E3779B97F4A7C15;

    /// <summary>The number behind a counter.</summary>
    public static ulong Next(ulong counter)
    {
        unchecked
        {
            ulong z = counter + Step;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }

    /// <summary>A number as one uniform from 0 to below 1.</summary>
    public static double Uniform(ulong number) => (number >> 11) * (1.0 / (1UL << 53));
}
