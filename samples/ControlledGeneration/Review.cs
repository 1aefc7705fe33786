namespace Microsoft.ML.PrefixTuning.Samples.ControlledGeneration;

/// <summary>A sentence of a film review and its polarity.</summary>
internal sealed class Review
{
    public string Polarity { get; set; } = "";

    public string Sentence { get; set; } = "";
}

/// <summary>
/// What the prefix is trained on and used for: how a sentence opens, how it goes on, and in which tone.
/// </summary>
internal sealed class Continuation
{
    private const int OpeningWords = 3;

    public string Opening { get; set; } = "";

    public string Rest { get; set; } = "";

    public string Polarity { get; set; } = "";

    /// <summary>The opening as the base without a prefix gets it: the tone is asked for in words.</summary>
    public string Request { get; set; } = "";

    /// <summary>A sentence cut behind its first words; the space between belongs to the rest.</summary>
    public static Continuation Of(Review review)
    {
        int end = -1;
        for (int word = 0; word < OpeningWords; word++)
            end = review.Sentence.IndexOf(' ', end + 1);
        return new Continuation
        {
            Opening = review.Sentence[..end],
            Rest = review.Sentence[end..],
            Polarity = review.Polarity
        };
    }
}
