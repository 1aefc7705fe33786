namespace Microsoft.ML.PrefixTuning;

/// <summary>How texts are measured. The defaults are those of the tools that the metrics follow.</summary>
public sealed record TextGenerationEvaluationOptions
{
    /// <summary>What is measured.</summary>
    /// <remarks>What is left out costs nothing; its figures are <see cref="double.NaN"/>.</remarks>
    /// <value>The default is <see cref="TextMetrics.All"/>.</value>
    public TextMetrics Metrics { get; init; } = TextMetrics.All;

    /// <summary>
    /// A column whose equal values say that rows belong together: each distinct output of a group is one text, measured
    /// against the references of all its rows.
    /// </summary>
    /// <remarks>
    /// The column is text, a key or an integer; its rows need not be adjacent, and their order does not matter. A row
    /// whose group is missing (an empty text, or a key without a value) is refused.
    /// </remarks>
    /// <value>The default is <see langword="null"/>: every row stands for itself.</value>
    public string? GroupColumnName { get; init; }

    /// <summary>
    /// Whether BLEU and chrF ignore case. ROUGE, METEOR, TER and the presets always do; exact match never does.
    /// </summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool Lowercase { get; init; }

    /// <summary>What counts as a token for <see cref="TextGenerationMetrics.Bleu"/>.</summary>
    /// <value>The default is <see cref="BleuTokenization.Mteval13a"/>.</value>
    public BleuTokenization BleuTokenization { get; init; } = BleuTokenization.Mteval13a;

    /// <summary>What becomes of n-gram orders without a match in <see cref="TextGenerationMetrics.Bleu"/>.</summary>
    /// <value>The default is <see cref="BleuSmoothing.Exponential"/>.</value>
    public BleuSmoothing BleuSmoothing { get; init; } = BleuSmoothing.Exponential;

    /// <summary>Whether ROUGE compares stems of words (Porter's stemmer).</summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool RougeStemming { get; init; }

    /// <summary>
    /// A folder with word lists of METEOR 1.5 for English: <c>english.synsets</c> with <c>english.exceptions</c> make
    /// words match by sense; <c>function.english.words</c> and <c>nonbreaking.english.prefixes</c> replace those in the
    /// library.
    /// </summary>
    /// <value>The default is <see langword="null"/>: words match by form and stem.</value>
    public string? MeteorFolder { get; init; }

    /// <summary>Checks its own members.</summary>
    internal void Check(Faults faults)
    {
        faults.ColumnName(GroupColumnName, nameof(GroupColumnName));
        faults.Known(BleuTokenization, nameof(BleuTokenization));
        faults.Known(BleuSmoothing, nameof(BleuSmoothing));
        faults.That(MeteorFolder is not "", nameof(MeteorFolder), "a path, or null", "an empty text");
        faults.That((Metrics & ~TextMetrics.All) == 0, nameof(Metrics), $"values of {nameof(TextMetrics)}", Metrics);
    }
}

/// <summary>What counts as a token for BLEU. The names in brackets are sacreBLEU's.</summary>
public enum BleuTokenization
{
    /// <summary>Words; ASCII punctuation stands alone as in NIST's mteval-v13a (<c>13a</c>).</summary>
    Mteval13a,

    /// <summary>Words; Unicode's punctuation and symbols stand alone (<c>intl</c>).</summary>
    International,

    /// <summary>What stands between white space (<c>none</c>).</summary>
    None,

    /// <summary>Characters other than white space (<c>char</c>).</summary>
    Characters,
}

/// <summary>What becomes of n-gram orders without a match in BLEU. The names in brackets are sacreBLEU's.</summary>
public enum BleuSmoothing
{
    /// <summary>The first such order counts as half a match, the next as a quarter, and so on (<c>exp</c>).</summary>
    Exponential,

    /// <summary>Each counts as a tenth of a match (<c>floor</c>).</summary>
    Floor,

    /// <summary>Orders above 1 have one match and one n-gram more than found (<c>add-k</c>).</summary>
    AddK,

    /// <summary>The score is 0 (<c>none</c>).</summary>
    None,
}
