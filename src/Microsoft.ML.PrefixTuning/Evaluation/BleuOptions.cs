namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>How BLEU is computed; the defaults are sacreBLEU's.</summary>
internal sealed record BleuOptions
{
    /// <summary>sacreBLEU's defaults.</summary>
    public static BleuOptions Default { get; } = new();

    /// <summary>What counts as a token.</summary>
    public BleuTokenization Tokenization { get; init; } = BleuTokenization.Mteval13a;

    /// <summary>Whether case is ignored.</summary>
    public bool Lowercase { get; init; }

    /// <summary>What becomes of an n-gram order without a match.</summary>
    public BleuSmoothing Smoothing { get; init; } = BleuSmoothing.Exponential;

    /// <summary>Tokens of the longest n-grams.</summary>
    public int MaxOrder { get; init; } = 4;
}
