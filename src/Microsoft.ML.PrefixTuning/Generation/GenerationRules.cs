using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// How text is written, everything as ids: made once from the caller's options, the tokenizer and the model.
/// </summary>
internal sealed record GenerationRules
{
    /// <summary>How the next token is chosen.</summary>
    public Decoding Decoding { get; init; } = Decoding.Greedy;

    /// <summary>
    /// Continuations a row: the best of the beams, or as many draws. Greedy has one. The default is 1.
    /// </summary>
    public int SequenceCount { get; init; } = 1;

    /// <summary>New tokens a row has at most, the end token included; the context window may allow fewer.</summary>
    public required int MaxNewTokens { get; init; }

    /// <summary>New tokens before an end token may come. The default is 0.</summary>
    public int MinNewTokens { get; init; }

    /// <summary>
    /// Length of token sequences that may not come twice, prompt included; 0, the default, means any may.
    /// </summary>
    public int NoRepeatNGramSize { get; init; }

    /// <summary>
    /// Divides positive and multiplies negative scores of tokens that were there, prompt included. The default is 1.
    /// </summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Token sequences that never come, of one or more tokens.</summary>
    public IReadOnlyList<int[]> BannedSequences { get; init; } = [];

    /// <summary>Tokens that end a text.</summary>
    public IReadOnlyList<int> EndIds { get; init; } = [];

    /// <summary>
    /// Tokens that are never produced, such as special tokens and rows of the embedding beyond the tokenizer. End
    /// tokens and forced tokens among them are not meant.
    /// </summary>
    public IReadOnlyList<int> SuppressedIds { get; init; } = [];

    /// <summary>The first new token, whatever its score.</summary>
    public int? ForcedFirstId { get; init; }

    /// <summary>The last new token of a text that reaches its greatest length.</summary>
    public int? ForcedLastId { get; init; }

    /// <summary>Rows worked on at once; every beam or draw of a row counts as one.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Given the new ids of a text: is it complete? Null: only end tokens and the length end it.</summary>
    public Func<IReadOnlyList<int>, bool>? Stops { get; init; }
}
