namespace Microsoft.ML.PrefixTuning;

/// <summary>How much a <see cref="TextGenerator"/> works on at once. Nothing here changes a text in float32.</summary>
public sealed record TextGeneratorOptions
{
    /// <summary>
    /// Requests that are written at once; every beam or draw of a request counts as one. A request that has more is
    /// written alone.
    /// </summary>
    /// <value>The default is 16.</value>
    public int MaxRows { get; init; } = 16;

    /// <summary>
    /// Requests that wait at most until there is room for them; one more is refused.
    /// </summary>
    /// <value>The default is 256.</value>
    public int QueueLimit { get; init; } = 256;

    /// <summary>
    /// Tokens for which keys and values are kept at most: those of the longest prefix, prompt and new tokens that are
    /// there at once, times the requests that are written at once. Who would need more waits; a request that alone
    /// needs more is refused.
    /// </summary>
    /// <value>The default is 32,768: for a base of 30 layers with 3 key/value heads of size 64, 1.5 GB in float32.
    /// </value>
    public int CacheTokens { get; init; } = 32_768;

    /// <summary>
    /// Tokens of a long prompt that are read between two tokens of the requests that are being written. A larger number
    /// reads long prompts faster, a smaller one delays the others less. A prompt of up to four times as many (with
    /// numbers above 512, up to 2,048 or this number) is short: it is read at once, with others where they have no more
    /// together. An encoder reads its source as a whole.
    /// </summary>
    /// <value>The default is 64.</value>
    public int PromptPiece { get; init; } = 64;

    /// <summary>Checks all that can be chosen.</summary>
    internal void Check(Faults faults)
    {
        faults.AtLeast(1, MaxRows, nameof(MaxRows));
        faults.AtLeast(1, QueueLimit, nameof(QueueLimit));
        faults.AtLeast(1, CacheTokens, nameof(CacheTokens));
        faults.AtLeast(1, PromptPiece, nameof(PromptPiece));
    }
}
