using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>How tokens learn where they stand.</summary>
internal abstract record Positions;

/// <summary>
/// A vector a position, added to the embedding; row = position + offset. The table is trained, or else a
/// <see cref="Sinusoid"/>, which a checkpoint may leave out (Pegasus).
/// </summary>
internal sealed record LearnedPositions(int Capacity, int Offset = 0, bool IsSinusoid = false) : Positions;

/// <summary>Queries and keys are rotated; layers with a window may rotate otherwise (Gemma 3).</summary>
internal sealed record RotaryPositions(RotarySpec Full, RotarySpec? Windowed = null) : Positions
{
    /// <summary>Layers, from 0, that do not rotate (SmolLM3).</summary>
    public IReadOnlyList<int> Unrotated { get; init; } = [];
}

/// <summary>A trained bias a head and a bucket of distances, shared by the layers of the stack (T5).</summary>
internal sealed record RelativePositions(int Buckets, int MaximumDistance, bool Bidirectional) : Positions;

/// <summary>Rotary embedding (Su et al. 2021) of the first <paramref name="RotatedSize"/> elements of a head.</summary>
/// <param name="Theta">Base of the frequencies.</param>
/// <param name="RotatedSize">Elements of a head that rotate, in rotate-half order.</param>
/// <param name="Scaling">How frequencies are stretched for longer contexts.</param>
internal sealed record RotarySpec(double Theta, int RotatedSize, RotaryScaling Scaling);

/// <summary>
/// How rotary frequencies are stretched; the formulas are those of transformers' modeling_rope_utils.py.
/// </summary>
internal abstract record RotaryScaling;

internal sealed record NoScaling : RotaryScaling;

internal sealed record LinearScaling(double Factor) : RotaryScaling;

/// <summary>Plain within the original window; refused beyond it, where the reference depends on the batch.</summary>
internal sealed record DynamicScaling(double Factor) : RotaryScaling;

internal sealed record Llama3Scaling(double Factor, double LowFrequencyFactor, double HighFrequencyFactor,
    int OriginalContext) : RotaryScaling;

internal sealed record YarnScaling(double Factor, double AttentionFactor, double BetaFast, double BetaSlow,
    int OriginalContext, bool Truncate) : RotaryScaling;

/// <summary>
/// Frequencies given outright, one a pair, as a divisor of the plain ones (GGUF's rope_freqs, longrope's short
/// factors).
/// </summary>
internal sealed record DivisorScaling(float[] Divisors, double AttentionFactor = 1) : RotaryScaling;
