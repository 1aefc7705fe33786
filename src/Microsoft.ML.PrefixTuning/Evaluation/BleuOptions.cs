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

    /// <summary>
    /// What <see cref="BleuSmoothing.Floor"/> and <see cref="BleuSmoothing.AddK"/> add; sacreBLEU's defaults are 0.1
    /// and 1.
    /// </summary>
    public double SmoothingValue
    {
        get => field > 0 ? field : Smoothing == BleuSmoothing.AddK ? 1 : 0.1;
        init;
    }

    /// <summary>Tokens of the longest n-grams.</summary>
    public int MaxOrder { get; init; } = 4;

    /// <summary>Whether orders are left out for which the output is too short.</summary>
    public bool EffectiveOrder { get; init; }
}
