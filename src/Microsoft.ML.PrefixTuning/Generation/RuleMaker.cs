using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Text;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>From options in words to rules in ids.</summary>
internal static class RuleMaker
{
    // Where neither the options nor the base say more.
    private const int DefaultMostTokens = 128;

    /// <summary>The rules that a base and its tokenizer make of options.</summary>
    /// <param name="options">What is asked for.</param>
    /// <param name="spec">The base.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="endIds">Ids that end a text.</param>
    /// <exception cref="ArgumentException">
    /// The options ask for more than a text may have, or ban a word for which the base has no token.
    /// </exception>
    public static GenerationRules Make(GenerationOptions options, TransformerSpec spec, PretrainedTokenizer tokenizer,
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
        int most = options.MaxNewTokens ?? spec.Output.MostTokens ?? DefaultMostTokens;
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
