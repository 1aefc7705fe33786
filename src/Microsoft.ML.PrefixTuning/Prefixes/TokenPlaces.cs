using System;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Prefixes;

/// <summary>
/// Where prefix and tokens stand for one pass. In every memory a row's first P columns hold its prefix, wherever it
/// stands in the text, and its token i lies in column P + i: training, prefill and decoding differ only in how many
/// tokens are already there.
/// </summary>
internal static class TokenPlaces
{
    /// <summary>Places of a causal stack.</summary>
    /// <param name="rows">For each row, what is there and what comes.</param>
    /// <param name="queries">L: new tokens of the longest row; shorter rows are padded behind.</param>
    /// <param name="prefixColumns">P of the memory, not less than any row's prefix length.</param>
    /// <param name="keys">S: columns of the memory that are handed to attention, at least P + the longest row.</param>
    /// <param name="convention">What the prefix does to the tokens.</param>
    public static AttentionPlaces Causal(ReadOnlySpan<RowState> rows, int queries, int prefixColumns, int keys,
        PrefixConvention convention) => Causal(rows, queries, (int?)prefixColumns, keys, [convention]);

    /// <summary>The same where every row brings its own prefix, behind which its tokens lie, and convention.</summary>
    /// <param name="rows">For each row, what is there and what comes.</param>
    /// <param name="queries">L.</param>
    /// <param name="keys">S: at least the columns of the row that has most.</param>
    /// <param name="conventions">One a row.</param>
    public static AttentionPlaces Causal(ReadOnlySpan<RowState> rows, int queries, int keys,
        ReadOnlySpan<PrefixConvention> conventions) => Causal(rows, queries, null, keys, conventions);

    private static AttentionPlaces Causal(ReadOnlySpan<RowState> rows, int queries, int? prefixColumns, int keys,
        ReadOnlySpan<PrefixConvention> conventions)
    {
        var places = new AttentionPlaces(rows.Length, queries, keys, AreBranched(rows));
        for (int row = 0; row < rows.Length; row++)
        {
            RowState state = rows[row];
            PrefixConvention convention = conventions.Length == 1 ? conventions[0] : conventions[row];
            PlacePrefix(places, row, state, convention);
            for (int token = 0; token < state.Present + state.New; token++)
                PlaceToken(places, row, (prefixColumns ?? state.PrefixLength) + token, token, state, convention);
            // Padding behind the new tokens stands where the last token stands: behind it there may be no position any
            // more, where another row's prefix is shorter. Its results are not used.
            int last = state.Present + Math.Max(0, state.New - 1);
            for (int query = 0; query < queries; query++)
                PlaceQuery(places, row, query, Math.Min(state.Present + query, last), state, convention);
        }
        return places;
    }

    /// <summary>Places of a stack in which every token sees every other, and of attention to it.</summary>
    /// <param name="queryLengths">New tokens of each row.</param>
    /// <param name="queries">L.</param>
    /// <param name="keyLengths">Tokens that can be seen, of each row.</param>
    /// <param name="keys">Token columns, without the prefix.</param>
    /// <param name="prefixLength">P, the same for all rows; its columns come first and are seen by all.</param>
    public static AttentionPlaces Everywhere(ReadOnlySpan<int> queryLengths, int queries, ReadOnlySpan<int> keyLengths,
        int keys, int prefixLength)
    {
        var places = new AttentionPlaces(queryLengths.Length, queries, prefixLength + keys);
        for (int row = 0; row < queryLengths.Length; row++)
        {
            for (int key = 0; key < prefixLength + keyLengths[row]; key++)
            {
                places.SetKey(row, key, key - prefixLength);
                if (key < prefixLength)
                    places.KeyPosition[row * places.Keys + key] = AttentionPlaces.NoPosition;
            }
            for (int query = 0; query < queries; query++)
            {
                places.SetQuery(row, query, query);
                places.QueryOrder[row * queries + query] = AttentionPlaces.Hidden - 1;
            }
        }
        return places;
    }

    private static bool AreBranched(ReadOnlySpan<RowState> rows)
    {
        foreach (RowState row in rows)
        {
            if (row.Branches is not null)
                return true;
        }
        return false;
    }

    private static void PlacePrefix(AttentionPlaces places, int row, RowState state, PrefixConvention convention)
    {
        for (int i = 0; i < state.PrefixLength; i++)
        {
            int k = row * places.Keys + i;
            int? before = TokensBefore(state, convention);
            places.KeyOrder[k] = before + i ?? i - state.PrefixLength;
            places.KeyColumn[k] = i - state.PrefixLength;
            places.KeyPosition[k] = convention.TakesPositions ? (before ?? 0) + i : AttentionPlaces.NoPosition;
            places.KeyExempt[k] = !convention.CountsInWindow;
        }
    }

    private static void PlaceToken(AttentionPlaces places, int row, int key, int token, RowState state,
        PrefixConvention convention)
    {
        int k = row * places.Keys + key;
        (int alone, int branch) = state.Alone(token);
        (places.KeyPosition[k], places.KeyOrder[k], places.KeyColumn[k]) = Place(alone, state, convention);
        places.KeyBranch?[k] = branch;
    }

    private static void PlaceQuery(AttentionPlaces places, int row, int query, int token, RowState state,
        PrefixConvention convention)
    {
        int q = row * places.Queries + query;
        (int alone, int branch) = state.Alone(token);
        (places.QueryPosition[q], places.QueryOrder[q], places.QueryColumn[q]) = Place(alone, state, convention);
        places.QueryBranch?[q] = branch;
    }

    private static (int Position, int Order, int Column) Place(int token, RowState state, PrefixConvention convention)
    {
        int? before = TokensBefore(state, convention);
        int behind = before is null || token >= before ? state.PrefixLength : 0;
        int position = convention.TakesPositions ? token + behind : token;
        int order = before is null ? token : token + behind;
        return (position, order, token);
    }

    /// <summary>
    /// The tokens of a row that stand before an infix; null for a prefix, before which there are none by definition.
    /// </summary>
    private static int? TokensBefore(RowState state, PrefixConvention convention) => convention.Placement switch
    {
        PrefixPlacement.AfterSource => state.SourceLength,
        PrefixPlacement.BeforeLastSourceToken => Math.Max(0, state.SourceLength - 1),
        _ => null,
    };
}

/// <summary>What a row has in memory before a pass.</summary>
/// <param name="PrefixLength">Prefix length of this row.</param>
/// <param name="Present">Tokens already in memory.</param>
/// <param name="New">Tokens that come in this pass.</param>
/// <param name="SourceLength">
/// Tokens of the source: an infix stands behind them, or before the last of them, and branches begin behind them.
/// Unused otherwise.
/// </param>
/// <param name="Branches">
/// Lengths of texts that lie behind the source one after the other: each sees the source and itself and stands where it
/// would stand alone. Null where all that comes is one text.
/// </param>
internal readonly record struct RowState(int PrefixLength, int Present, int New, int SourceLength = 0,
    int[]? Branches = null)
{
    /// <summary>A token's place in its text as if there were no other, and its branch; 0 for what all see.</summary>
    /// <param name="token">The token's place among the row's.</param>
    public (int Token, int Branch) Alone(int token)
    {
        if (Branches is null || token < SourceLength)
            return (token, 0);
        int branch = 0, place = token - SourceLength;
        while (place >= Branches[branch])
            place -= Branches[branch++];
        return (SourceLength + place, branch + 1);
    }
}
