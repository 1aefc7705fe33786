namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>How chrF is computed; the defaults are sacreBLEU's.</summary>
internal sealed record ChrFOptions
{
    /// <summary>chrF.</summary>
    public static ChrFOptions Default { get; } = new();

    /// <summary>chrF++.</summary>
    public static ChrFOptions WithWords { get; } = new() { WordOrder = 2 };

    /// <summary>Characters of the longest n-grams.</summary>
    public int CharacterOrder { get; init; } = 6;

    /// <summary>Words of the longest n-grams; 0 leaves words out.</summary>
    public int WordOrder { get; init; }

    /// <summary>How much more recall counts than precision.</summary>
    public double Beta { get; init; } = 2;

    /// <summary>Whether case is ignored.</summary>
    public bool Lowercase { get; init; }

    /// <summary>Whether white space counts as characters.</summary>
    public bool KeepWhitespace { get; init; }

    /// <summary>Whether orders without n-grams count as 0, as in Popović's own script, and are not left out.</summary>
    public bool EpsilonSmoothing { get; init; }

    /// <summary>Orders of characters and words together.</summary>
    public int Orders => CharacterOrder + WordOrder;
}
