using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Text;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>
/// How text is written, everything as ids: made once from the caller's options, the tokenizer and the model.
/// </summary>
internal sealed record GenerationRules
{
    // Where neither the options nor the base say more.
    private const int DefaultMostTokens = 128;

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

    /// <summary>Beams and draws worked on at once at most; one row has its own, also where they are more.</summary>
    public int Lanes => Math.Max(BatchSize, TokenSearch.LanesOf(this));

    /// <summary>
    /// How many of the most probable tokens are recorded beside each that is written; null, the default, where nothing
    /// is recorded. Not for beams.
    /// </summary>
    public int? RecordedTokens { get; init; }

    /// <summary>Given the new ids of a text: is it complete? Null: only end tokens and the length end it.</summary>
    public Func<IReadOnlyList<int>, bool>? Stops { get; init; }

    /// <summary>The rules that a base and its tokenizer make of options.</summary>
    /// <param name="options">What is asked for.</param>
    /// <param name="spec">The base.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="endIds">Ids that end a text.</param>
    /// <exception cref="ArgumentException">
    /// The options ask for more than a text may have, or ban a word for which the base has no token.
    /// </exception>
    public static GenerationRules Of(GenerationOptions options, TransformerSpec spec, PretrainedTokenizer tokenizer,
        IReadOnlyCollection<int> endIds)
    {
        (int least, int most) = Lengths(options, spec);
        return new GenerationRules
        {
            Decoding = options.Decoding,
            SequenceCount = options.SequenceCount,
            MaxNewTokens = most,
            MinNewTokens = least,
            NoRepeatNGramSize = options.NoRepeatNGramSize,
            RepetitionPenalty = options.RepetitionPenalty,
            BannedSequences = options.BannedWords.SelectMany(word => Spellings(word, tokenizer)).ToArray(),
            EndIds = [.. endIds],
            // Rows of the embedding behind the tokenizer's last token: no text belongs to them.
            SuppressedIds = Enumerable.Range(tokenizer.TokenCount,
                Math.Max(0, spec.VocabularySize - tokenizer.TokenCount)).ToArray(),
            ForcedFirstId = spec.Output.FirstId,
            ForcedLastId = spec.Output.LastId,
            BatchSize = options.BatchSize,
            Stops = options.StopStrings.Count == 0 ? null
                : new Stops(options.StopStrings, ids => tokenizer.Decode(ids)).Reached,
        };
    }

    /// <summary>
    /// New tokens a text has at least and at most: what the options say, else what the base says, else 0 and 128.
    /// </summary>
    /// <exception cref="ArgumentException">The options ask for more than a text may have.</exception>
    public static (int Least, int Most) Lengths(GenerationOptions options, TransformerSpec spec)
    {
        // A number beyond all windows asks for what the window allows; of a base that has none, for what can be held.
        int most = Math.Min(options.MaxNewTokens ?? spec.Output.MostTokens ?? DefaultMostTokens,
            OptionBounds.NewTokens);
        if (options.MinNewTokens > most)
            throw new ArgumentException(
                $"Generation.MinNewTokens: expected 0 to {most}, the most where MaxNewTokens is null, found"
                    + $" {options.MinNewTokens}.", nameof(options));
        return (options.MinNewTokens ?? Math.Min(spec.Output.LeastTokens ?? 0, most), most);
    }

    // A word begins a text, follows a space, or stands right behind something else: up to three spellings.
    private static IEnumerable<int[]> Spellings(string word, PretrainedTokenizer tokenizer)
    {
        int[][] all = [tokenizer.Encode(word), tokenizer.Encode(" " + word),
            tokenizer.Encode(word, TextPlace.BehindAdded, out _)];
        int[][] written = [.. all.Where(ids => ids.Length > 0).DistinctBy(ids => string.Join(' ', ids))];
        return written.Length > 0 ? written
            : throw new ArgumentException(
                $"Generation.BannedWords: expected words that the base has tokens for, found {FileText.Quote(word)},"
                    + " which has none.", "options");
    }
}
