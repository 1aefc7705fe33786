namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>How chrF is computed; the defaults are sacreBLEU's.</summary>
internal sealed record ChrFOptions
{
    /// <summary>chrF.</summary>
    public static ChrFOptions Default { get; } = new();

    /// <summary>chrF++.</summary>
    public static ChrFOptions WithWords { get; } = new() { WordOrder = 2 };

    /// <summary>Words of the longest n-grams; 0 leaves words out.</summary>
    public int WordOrder { get; init; }

    /// <summary>Whether case is ignored.</summary>
    public bool Lowercase { get; init; }
}
