using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning;

/// <summary>How text is written.</summary>
public sealed record GenerationOptions
{
    /// <summary>How the next token is chosen.</summary>
    /// <value>The default is <see cref="Decoding.Greedy"/>.</value>
    public Decoding Decoding { get; init; } = Decoding.Greedy;

    /// <summary>
    /// Tokens a text has at most, the end token included. The context window may allow fewer, and no text has more than
    /// 1,048,576.
    /// </summary>
    /// <value>
    /// The default is <see langword="null"/>: what the generation_config.json of an encoder-decoder base says
    /// (<c>max_new_tokens</c>, or <c>max_length</c> without the decoder start token), else 128.
    /// </value>
    public int? MaxNewTokens { get; init; }

    /// <summary>Tokens before an end token may come.</summary>
    /// <value>
    /// The default is <see langword="null"/>: what the generation_config.json of an encoder-decoder base says
    /// (<c>min_new_tokens</c>, or <c>min_length</c> without the decoder start token), else 0.
    /// </value>
    public int? MinNewTokens { get; init; }

    /// <summary>Length of token sequences that may not come twice, prompt included; 0 means any may.</summary>
    /// <value>The default is 0.</value>
    public int NoRepeatNGramSize { get; init; }

    /// <summary>
    /// Divides positive and multiplies negative scores of tokens that were there already, prompt included; 1 means no
    /// penalty.
    /// </summary>
    /// <value>The default is 1.</value>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Words that never come.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyList<string> BannedWords { get; init => field = Own(value); } = [];

    /// <summary>Strings that end a text; they and what follows are cut.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyList<string> StopStrings { get; init => field = Own(value); } = [];

    /// <summary>
    /// Texts a row, at most 1,024; above 1 the output column is a vector of texts, best first. Needs beams or sampling.
    /// </summary>
    /// <value>The default is 1.</value>
    public int SequenceCount { get; init; } = 1;

    /// <summary>Rows that are worked on at once.</summary>
    /// <value>The default is 16.</value>
    public int BatchSize { get; init; } = 16;

    /// <summary>
    /// Rows read ahead at most and sorted by length, so that rows worked on at once are alike. A pass begins with one
    /// row and doubles.
    /// </summary>
    /// <value>The default is 128.</value>
    public int LookAhead { get; init; } = 128;

    /// <summary>
    /// Rows whose texts a transformed view remembers, by input text and attribute value: a further pass over the view,
    /// such as those of a trainer behind it, does not write them again. 0 turns it off.
    /// </summary>
    /// <value>The default is 10,000. Rows beyond keep nothing; <c>AppendCacheCheckpoint</c> holds any number.</value>
    public int RememberedTexts { get; init; } = 10_000;

    /// <summary>What becomes of a prompt that does not fit the context window.</summary>
    /// <value>The default is <see cref="PromptTruncation.None"/>: an error that names the row.</value>
    public PromptTruncation Truncation { get; init; }

    /// <summary>
    /// Name of a text column that takes the message of a row that could not be used; its output is then empty.
    /// </summary>
    /// <value>The default is <see langword="null"/>: such a row is an error.</value>
    public string? ErrorColumnName { get; init; }

    // What the caller does to a list later changes no text. Null is told with the other faults.
    private static IReadOnlyList<string> Own(IReadOnlyList<string>? words) => words is null ? null!
        : words.Count == 0 ? [] : [.. words];

    /// <summary>Checks its own members.</summary>
    internal void Check(Faults faults)
    {
        if (MaxNewTokens is { } most)
            faults.AtLeast(1, most, nameof(MaxNewTokens));
        if (MinNewTokens is { } least)
        {
            faults.That(least >= 0 && !(least > MaxNewTokens), nameof(MinNewTokens),
                MaxNewTokens is null ? "0 or more, or null" : $"0 to MaxNewTokens = {MaxNewTokens}", least);
        }
        faults.AtLeast(0, NoRepeatNGramSize, nameof(NoRepeatNGramSize));
        faults.AtLeast(1, BatchSize, nameof(BatchSize));
        faults.AtLeast(1, LookAhead, nameof(LookAhead));
        faults.AtLeast(0, RememberedTexts, nameof(RememberedTexts));
        faults.Within(1, OptionBounds.Sequences, SequenceCount, nameof(SequenceCount));
        faults.Above(0, RepetitionPenalty, nameof(RepetitionPenalty));
        faults.Known(Truncation, nameof(Truncation));
        faults.Words(BannedWords, nameof(BannedWords));
        faults.Words(StopStrings, nameof(StopStrings));
        faults.ColumnName(ErrorColumnName, nameof(ErrorColumnName));
        if (faults.Given(Decoding, nameof(Decoding)))
            Decoding.Check(faults, nameof(Decoding), SequenceCount);
    }
}
