using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Generation;

/// <summary>A row that is worked on, or waits for it.</summary>
internal sealed class ActiveRow
{
    /// <summary>A row at its start.</summary>
    /// <param name="index">Its place in the call.</param>
    /// <param name="prompt">What is continued.</param>
    /// <param name="rules">How.</param>
    /// <param name="constraints">The constraints of the rules.</param>
    /// <param name="spec">The model.</param>
    /// <exception cref="ArgumentException">There is nothing to read.</exception>
    public ActiveRow(int index, GenerationPrompt prompt, GenerationRules rules, TokenConstraints constraints,
        TransformerSpec spec)
    {
        if (prompt.Source.Length == 0)
            throw new ArgumentException($"Prompt {index}: expected at least one token, found none.", nameof(prompt));
        (Index, Prompt, Constraints) = (index, prompt, constraints);
        Opening = spec.IsEncoderDecoder ? [spec.DecoderStart()] : prompt.Source;
        PrefixLength = Prefix.LengthOf(AttentionSite.Decoder);
        SourceColumns = spec.IsEncoderDecoder ? Prefix.LengthOf(AttentionSite.Cross) + prompt.Source.Length : 0;
        int used = Opening.Length + (Convention.TakesPositions ? PrefixLength : 0);
        Limit = Math.Max(1, Math.Min(rules.MaxNewTokens, spec.ContextLength - used));
        (Lanes, IsGreedy) = (TokenSearch.LanesOf(rules), rules.Decoding is GreedyDecoding);
        Search = TokenSearch.Start(rules, constraints, prompt, new WrittenText(Opening, Limit));
        Record = rules.RecordedTokens is { } top ? new TokenRecord(top, Lanes) : null;
    }

    public int Index { get; }

    public GenerationPrompt Prompt { get; }

    public TokenConstraints Constraints { get; }

    /// <summary>What the decoder reads first: the source, or the start token beside an encoder.</summary>
    public int[] Opening { get; }

    public TokenSearch Search { get; }

    /// <summary>How probable its tokens were; null where nobody asks.</summary>
    public TokenRecord? Record { get; }

    /// <summary>Whether the most probable token is taken, whatever else changes the scores.</summary>
    public bool IsGreedy { get; }

    /// <summary>New tokens that it has at most.</summary>
    public int Limit { get; }

    /// <summary>Lanes of the cache: one a beam or draw.</summary>
    public int Lanes { get; }

    /// <summary>P of the decoder's own attention.</summary>
    public int PrefixLength { get; }

    /// <summary>Columns that its source takes beside an encoder; 0 without one.</summary>
    public int SourceColumns { get; }

    /// <summary>Tokens in the cache.</summary>
    public int Present { get; set; }

    /// <summary>The first of its lanes, while it is worked on.</summary>
    public int Lane { get; set; }

    /// <summary>
    /// Whether each of its lanes holds a copy of its prefix; else all read it where it lies, and it takes no columns.
    /// </summary>
    public bool HoldsPrefix { get; set; } = true;

    /// <summary>What went wrong with this row; it is done then.</summary>
    public Exception? Fault { get; set; }

    /// <summary>Whether nothing more is to be written.</summary>
    public bool IsOver => Fault is not null || Search.IsDone;

    /// <summary>Tokens written so far, in all texts; of beams none until it is over.</summary>
    public int NewTokens
    {
        get
        {
            int count = 0;
            for (int lane = 0; lane < Lanes; lane++)
                count += Search.TextOf(lane)?.NewCount ?? 0;
            return count;
        }
    }

    /// <summary>Columns that a lane of it has once it is read: of its opening and of a prefix that it holds.</summary>
    public int OpeningColumns => (HoldsPrefix ? PrefixLength : 0) + Opening.Length;

    /// <summary>Columns that a lane of it may need, those of its new tokens included.</summary>
    public int Columns => OpeningColumns + Limit;

    /// <summary>The column of its next token, those of its prefix counted wherever they lie.</summary>
    public int NextColumn => PrefixLength + Present;

    /// <summary>The prefix that its lanes do not hold, [N, 2, G, P, D]; null without one.</summary>
    public Tensor? SharedPrefix =>
        HoldsPrefix || PrefixLength == 0 ? null : Prefix.Values[AttentionSite.Decoder];

    /// <summary>Its memory outside of the softmax, [N, 1, H, D, D]; null without one.</summary>
    public Tensor? Memory => Prefix.MemoryOf(AttentionSite.Decoder);

    /// <summary>Its prefixes; none for the base alone.</summary>
    public SitePrefixes Prefix => Prompt.Prefix?.Sites ?? SitePrefixes.None;

    public PrefixConvention Convention => Prefix.Convention;

    /// <summary>Its place in a pass of new tokens.</summary>
    public RowState State(int tokens) => new(PrefixLength, Present, tokens, Opening.Length);

    /// <summary>Tokens of caches with some rows in them: every lane has as many columns as the longest needs.</summary>
    public static long TokensOf(IEnumerable<ActiveRow> rows)
    {
        long lanes = 0, slots = 0, columns = 0, sources = 0;
        foreach (ActiveRow row in rows)
        {
            (lanes, slots) = (lanes + row.Lanes, slots + 1);
            (columns, sources) = (Math.Max(columns, row.Columns), Math.Max(sources, row.SourceColumns));
        }
        return lanes * columns + slots * sources;
    }
}
