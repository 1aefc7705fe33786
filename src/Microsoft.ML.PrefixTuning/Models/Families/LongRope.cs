using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Models.Families;

/// <summary>
/// Longrope (Ding et al. 2024), within the original window: the short factors and the attention factor of the whole.
/// Beyond it the reference changes to the long factors as soon as one row of a batch is longer, so the window ends
/// there.
/// </summary>
internal static class LongRope
{
    private const string Original = "original_max_position_embeddings";

    // Of every Phi-3 and Phi-4; what the reference takes where a config says nothing.
    private const int UsualOriginal = 4096;

    // Ratios are written as decimal fractions.
    private const double SmallestContradiction = 1e-3;

    /// <summary>The scaling.</summary>
    /// <param name="config">The whole config.</param>
    /// <param name="scaling">Its rotary part.</param>
    /// <param name="pairs">Rotated pairs of a head.</param>
    /// <param name="context">The context length of the config.</param>
    public static DivisorScaling Scaling(ModelConfig config, ModelConfig scaling, int pairs, int context)
    {
        double[] divisors = Factors(scaling, "short_factor", pairs);
        Factors(scaling, "long_factor", pairs);
        int original = OriginalContext(config, scaling, context);
        double factor = scaling.Has("factor") ? scaling.Positive("factor") : (double)context / original;
        if (Math.Abs(factor * original / context - 1) > SmallestContradiction)
            throw scaling.Wrong("factor", $"max_position_embeddings / {Original} = {context} / {original}");
        double usual = factor <= 1 ? 1 : Math.Sqrt(1 + Math.Log(factor) / Math.Log(original));
        return new DivisorScaling(Array.ConvertAll(divisors, divisor => (float)divisor),
            scaling.Positive("attention_factor", usual));
    }

    /// <summary>The window that the short factors are for.</summary>
    /// <param name="config">The whole config.</param>
    /// <param name="scaling">Its rotary part, or null.</param>
    /// <param name="context">The context length of the config.</param>
    public static int OriginalContext(ModelConfig config, ModelConfig? scaling, int context)
    {
        int original = config.Count(Original, Math.Min(UsualOriginal, context));
        int own = scaling?.Count(Original, original) ?? original;
        if (config.Has(Original) && own != original)
            throw scaling!.Wrong(Original, $"that of the whole config, {original}");
        return own <= context ? own : throw config.Wrong(Original, $"at most max_position_embeddings = {context}");
    }

    private static double[] Factors(ModelConfig scaling, string key, int pairs)
    {
        IReadOnlyList<double> factors = scaling.Numbers(key) ?? throw scaling.Missing(key);
        return factors.Count == pairs && factors.All(factor => factor > 0) ? [.. factors]
            : throw scaling.Wrong(key, $"{pairs} numbers above 0, one a rotated pair");
    }
}
