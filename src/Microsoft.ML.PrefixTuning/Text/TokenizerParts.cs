using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Text;

/// <summary>The stages of a tokenizer, in the order in which text passes through them.</summary>
internal sealed record TokenizerParts
{
    /// <summary>What kind of tokenizer it is, for people.</summary>
    public required string Kind { get; init; }

    /// <summary>The tokens by id, as their vocabulary writes them.</summary>
    public required IReadOnlyList<string> Tokens { get; init; }

    /// <summary>
    /// Tokens looked for before anything else, and those with a <see cref="AddedToken.Pattern"/>, which are looked for
    /// behind the normalizers.
    /// </summary>
    public required IReadOnlyList<AddedToken> Added { get; init; }

    /// <summary>Added tokens that the embedding has no row for: their spelling is plain text.</summary>
    public IReadOnlyCollection<string> LeftOut { get; init; } = [];

    /// <summary>What today's rules do otherwise than those that the tokenizer was read by.</summary>
    public IReadOnlyList<string> FormerRules { get; init; } = [];

    /// <summary>Rewrite the text between the tokens that are looked for first.</summary>
    public IReadOnlyList<Normalizer> Normalizers { get; init; } = [];

    /// <summary>Rewrite the text between all added tokens, behind the others.</summary>
    public IReadOnlyList<Normalizer> Markers { get; init; } = [];

    /// <summary>Cut it into pieces, each one the pieces of the one before.</summary>
    public IReadOnlyList<PieceSplitter> Splitters { get; init; } = [];

    /// <summary>Makes ids of a piece.</summary>
    public required TokenModel Model { get; init; }

    /// <summary>Makes text of ids.</summary>
    public required TokenDecoder Decoder { get; init; }

    /// <summary>Ids in front of a text.</summary>
    public IReadOnlyList<int> Prologue { get; init; } = [];

    /// <summary>Ids behind a text.</summary>
    public IReadOnlyList<int> Epilogue { get; init; } = [];

    /// <summary>How chats are written, in Jinja; null where the files do not say.</summary>
    public string? ChatTemplate { get; init; }
}
