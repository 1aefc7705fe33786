using System;
using System.Diagnostics;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// Rotary position embedding: frequencies from their description, and the rotation of queries and keys.
/// </summary>
internal static class Rotary
{
    /// <summary>
    /// One frequency a pair of elements, and the factor on cosine and sine (1 but for yarn and longrope).
    /// </summary>
    public static (float[] Frequencies, double AttentionFactor) Frequencies(RotarySpec spec)
    {
        int pairs = spec.RotatedSize / 2;
        var plain = new float[pairs];
        for (int i = 0; i < pairs; i++)
            plain[i] = 1f / (float)Math.Pow(spec.Theta, 2.0 * i / spec.RotatedSize);
        return spec.Scaling switch
        {
            NoScaling or DynamicScaling => (plain, 1),
            LinearScaling linear => (Array.ConvertAll(plain, f => (float)(f / linear.Factor)), 1),
            Llama3Scaling llama3 => (Array.ConvertAll(plain, f => Stretch(f, llama3)), 1),
            YarnScaling yarn => (Blend(plain, spec, yarn), yarn.AttentionFactor),
            DivisorScaling divisor => (Divide(plain, divisor.Divisors), divisor.AttentionFactor),
            _ => throw new UnreachableException($"Rotary scaling {spec.Scaling} is not known here."),
        };
    }

    /// <summary>Cosine and sine of every position.</summary>
    /// <param name="positions">[B, L], int64.</param>
    /// <param name="frequencies">[pairs], float32.</param>
    /// <param name="attentionFactor">Factor on both.</param>
    /// <param name="type">Type of the result.</param>
    /// <returns>Both [B, L, 1, pairs].</returns>
    public static (Tensor Cosine, Tensor Sine) Angles(Tensor positions, Tensor frequencies, double attentionFactor,
        ScalarType type)
    {
        Tensor angles = positions.to(ScalarType.Float32).unsqueeze(-1).unsqueeze(-1) * frequencies;
        Tensor cosine = angles.cos(), sine = angles.sin();
        if (attentionFactor != 1)
            (cosine, sine) = (cosine * Scalars.Real(attentionFactor), sine * Scalars.Real(attentionFactor));
        return (cosine.to(type), sine.to(type));
    }

    /// <summary>Rotates pairs (i, i + pairs) of each head's first elements; the rest passes through.</summary>
    /// <param name="heads">[B, L, H, D].</param>
    /// <param name="cosine">[B, L, 1, pairs].</param>
    /// <param name="sine">[B, L, 1, pairs].</param>
    public static Tensor Rotate(Tensor heads, Tensor cosine, Tensor sine)
    {
        if (RowKernels.Suits(heads))
            return RowKernels.Rotate(heads, cosine, sine);
        if (HeadRotation.Suits(heads, cosine))
            return HeadRotation.Of(heads, cosine, sine);
        long pairs = cosine.size(Axis.Last), size = heads.size(Axis.Last);
        Tensor first = heads.narrow(Axis.Last, 0, pairs), second = heads.narrow(Axis.Last, pairs, pairs);
        Tensor rotatedFirst = (first * cosine).addcmul_(second, sine, Scalars.MinusOne);
        Tensor rotatedSecond = (second * cosine).addcmul_(first, sine, Scalars.One);
        return 2 * pairs == size
            ? cat([rotatedFirst, rotatedSecond], Axis.Last)
            : cat([rotatedFirst, rotatedSecond, heads.narrow(Axis.Last, 2 * pairs, size - 2 * pairs)], Axis.Last);
    }

    private static float Stretch(float frequency, Llama3Scaling scaling)
    {
        double wavelength = 2 * Math.PI / frequency;
        double lowest = scaling.OriginalContext / scaling.LowFrequencyFactor;
        double highest = scaling.OriginalContext / scaling.HighFrequencyFactor;
        if (wavelength < highest)
            return frequency;
        if (wavelength > lowest)
            return (float)(frequency / scaling.Factor);
        double smooth = (scaling.OriginalContext / wavelength - scaling.LowFrequencyFactor)
            / (scaling.HighFrequencyFactor - scaling.LowFrequencyFactor);
        return (float)((1 - smooth) * frequency / scaling.Factor + smooth * frequency);
    }

    private static float[] Blend(float[] plain, RotarySpec spec, YarnScaling scaling)
    {
        double low = Correction(scaling.BetaFast), high = Correction(scaling.BetaSlow);
        if (scaling.Truncate)
            (low, high) = (Math.Floor(low), Math.Ceiling(high));
        (low, high) = (Math.Max(low, 0), Math.Min(high, spec.RotatedSize - 1));
        if (low == high)
            high += 0.001;
        var blended = new float[plain.Length];
        for (int i = 0; i < plain.Length; i++)
        {
            double extrapolated = 1 - Math.Clamp((i - low) / (high - low), 0, 1);
            blended[i] = (float)(plain[i] / scaling.Factor * (1 - extrapolated) + plain[i] * extrapolated);
        }
        return blended;

        double Correction(double rotations) => spec.RotatedSize
            * Math.Log(scaling.OriginalContext / (rotations * 2 * Math.PI)) / (2 * Math.Log(spec.Theta));
    }

    private static float[] Divide(float[] plain, float[] divisors)
    {
        if (plain.Length != divisors.Length)
            throw new FormatException($"rope_freqs: expected {plain.Length} values, found {divisors.Length}.");
        var divided = new float[plain.Length];
        for (int i = 0; i < plain.Length; i++)
            divided[i] = plain[i] / divisors[i];
        return divided;
    }
}
