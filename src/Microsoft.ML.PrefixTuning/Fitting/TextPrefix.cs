using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Rows;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>
/// A text that a decoder-only base reads once, for all rows behind it: its keys and values are a prefix like any other.
/// </summary>
internal static class TextPrefix
{
    // Lanes times columns of a cache: with a long text in each, few rows are written together.
    private const int MostColumns = 1 << 14;

    /// <summary>Tokens of a text with what opens it.</summary>
    public static int Length(FrozenBase frozen, IReadOnlyList<int> ids) =>
        OpeningOf(frozen).OfPrefix(isInfix: false).Length + ids.Count;

    /// <summary>Reads a text, a part of it after the other.</summary>
    /// <param name="frozen">The base.</param>
    /// <param name="ids">Ids of the text, fewer than the context window has.</param>
    /// <param name="tokensPerPass">Tokens of a part.</param>
    public static Prefix Read(FrozenBase frozen, IReadOnlyList<int> ids, int tokensPerPass)
    {
        Opening opening = OpeningOf(frozen);
        return PrefixInitializer.Make(new StartRequest
        {
            Model = frozen.Model,
            Start = PrefixStart.DefaultText,
            Sites = [AttentionSite.Decoder],
            Length = Length(frozen, ids),
            Convention = PrefixConvention.DecoderOnly with
            {
                HoldsBeginToken = opening.IsHeld(isInfix: false, isFromText: true),
            },
            Text = ids,
            Opening = opening.OfPrefix(isInfix: false),
            TokensPerPass = tokensPerPass,
        });
    }

    /// <summary>How many rows are written behind a text together, so that its copies in a cache stay bounded.</summary>
    /// <param name="most">Rows at most.</param>
    /// <param name="columns">Columns of each.</param>
    public static int RowsTogether(int most, int columns) => Math.Clamp(MostColumns / Math.Max(columns, 1), 1, most);

    private static Opening OpeningOf(FrozenBase frozen) => new(frozen.Tokenizer, frozen.Model.Spec);
}
