using System;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// Who sees whom in one pass, as plain numbers: for every row, the place of each query and of each key. One description
/// serves causal, padded, windowed, prefixed and cached attention alike. A query sees a key whose order is not above
/// its own, unless a window cuts it off, which reaches no exempt key, or the key lies in another branch than it.
/// </summary>
internal sealed class AttentionPlaces
{
    /// <summary>The order of a key that nobody sees: padding, or an unused place of a cache.</summary>
    public const int Hidden = int.MaxValue;

    /// <summary>The position of a key that gets no relative bias.</summary>
    public const int NoPosition = int.MinValue;

    /// <summary>Makes room for the numbers; every key starts hidden.</summary>
    /// <param name="rows">B.</param>
    /// <param name="queries">L.</param>
    /// <param name="keys">S.</param>
    /// <param name="areBranched">Whether rows hold branches, which do not see each other; all start outside.</param>
    public AttentionPlaces(int rows, int queries, int keys, bool areBranched = false)
    {
        (Rows, Queries, Keys) = (rows, queries, keys);
        QueryPosition = new long[rows * queries];
        QueryOrder = new int[rows * queries];
        QueryColumn = new int[rows * queries];
        KeyPosition = new int[rows * keys];
        KeyOrder = new int[rows * keys];
        KeyColumn = new int[rows * keys];
        KeyExempt = new bool[rows * keys];
        QueryBranch = areBranched ? new int[rows * queries] : null;
        KeyBranch = areBranched ? new int[rows * keys] : null;
        Array.Fill(KeyOrder, Hidden);
    }

    private AttentionPlaces(AttentionPlaces whole, int first, int count)
    {
        (Rows, Queries, Keys) = (whole.Rows, count, whole.Keys);
        QueryPosition = OfPart(whole.QueryPosition);
        QueryOrder = OfPart(whole.QueryOrder);
        QueryColumn = OfPart(whole.QueryColumn);
        QueryBranch = whole.QueryBranch is null ? null : OfPart(whole.QueryBranch);
        KeyBranch = whole.KeyBranch;
        (KeyPosition, KeyOrder) = (whole.KeyPosition, whole.KeyOrder);
        (KeyColumn, KeyExempt) = (whole.KeyColumn, whole.KeyExempt);

        T[] OfPart<T>(T[] ofWhole)
        {
            var ofPart = new T[Rows * count];
            for (int row = 0; row < Rows; row++)
                Array.Copy(ofWhole, row * whole.Queries + first, ofPart, row * count, count);
            return ofPart;
        }
    }

    public int Rows { get; }

    public int Queries { get; }

    public int Keys { get; }

    /// <summary>[B, L]: position for learned, rotary or relative embedding.</summary>
    public long[] QueryPosition { get; }

    /// <summary>[B, L]: place in the order of visibility.</summary>
    public int[] QueryOrder { get; }

    /// <summary>[B, L]: place as windows count it.</summary>
    public int[] QueryColumn { get; }

    /// <summary>[B, S]: position for relative bias, or <see cref="NoPosition"/>.</summary>
    public int[] KeyPosition { get; }

    /// <summary>[B, S]: place in the order of visibility, or <see cref="Hidden"/>.</summary>
    public int[] KeyOrder { get; }

    /// <summary>[B, S]: place as windows count it.</summary>
    public int[] KeyColumn { get; }

    /// <summary>[B, S]: no window reaches this key.</summary>
    public bool[] KeyExempt { get; }

    /// <summary>[B, L]: the branch of the row that the query is in, from 1, or 0; null where no row has any.</summary>
    public int[]? QueryBranch { get; }

    /// <summary>[B, S]: the branch whose queries alone see this key, from 1, or 0; null where no row has any.</summary>
    public int[]? KeyBranch { get; }

    /// <summary>The same of some of each row's queries; what is said of keys is shared.</summary>
    /// <param name="first">The first of them.</param>
    /// <param name="count">How many.</param>
    public AttentionPlaces OfQueries(int first, int count) => new(this, first, count);

    /// <summary>Whether any query does not see any key.</summary>
    /// <param name="window">Keys that a query sees, from its own place back; null for all.</param>
    public bool HidesAny(int? window)
    {
        // A row of branches has several.
        if (KeyBranch is not null)
            return true;
        for (int row = 0; row < Rows; row++)
        {
            int least = int.MaxValue, last = int.MinValue;
            for (int q = row * Queries; q < (row + 1) * Queries; q++)
                (least, last) = (Math.Min(least, QueryOrder[q]), Math.Max(last, QueryColumn[q]));
            for (int k = row * Keys; k < (row + 1) * Keys; k++)
            {
                if (KeyOrder[k] > least || (window is not null && !KeyExempt[k] && last - KeyColumn[k] >= window))
                    return true;
            }
        }
        return false;
    }

    /// <summary>
    /// Whether every query sees the keys in front of the tokens and those of the tokens up to its own, and no others;
    /// padding behind a row's tokens, whose results are not used, is not asked.
    /// </summary>
    /// <param name="window">Keys that a query sees, from its own place back; null for all.</param>
    public bool IsCausal(int? window)
    {
        bool canBe = Keys >= Queries && KeyBranch is null;
        for (int row = 0; canBe && row < Rows; row++)
        {
            if (!IsCausal(row, window))
                return false;
        }
        return canBe;
    }

    private bool IsCausal(int row, int? window)
    {
        int front = Keys - Queries, q = row * Queries, k = row * Keys, tokens = 0;
        while (tokens < Queries && KeyOrder[k + front + tokens] != Hidden)
            tokens++;
        if (KeyOrder.AsSpan(k + front + tokens, Queries - tokens).ContainsAnyExcept(Hidden))
            return false;
        for (int token = 0; token < tokens; token++)
        {
            if (KeyOrder[k + front + token] != QueryOrder[q + token]
                || (token > 0 && QueryOrder[q + token] <= QueryOrder[q + token - 1]))
            {
                return false;
            }
        }
        int last = tokens == 0 ? int.MinValue : QueryColumn[q + tokens - 1];
        for (int key = 0; key < front + tokens; key++)
        {
            if ((key < front && KeyOrder[k + key] > QueryOrder[q])
                || (window is not null && !KeyExempt[k + key] && last - KeyColumn[k + key] >= window))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Whether all queries of a row see the same keys where there is no window.</summary>
    public bool SeeAlike()
    {
        for (int row = 0; KeyBranch is null && row < Rows; row++)
        {
            if (QueryOrder.AsSpan(row * Queries, Queries).ContainsAnyExcept(QueryOrder[row * Queries]))
                return false;
        }
        return KeyBranch is null;
    }

    /// <summary>Sets a query's three places to one number.</summary>
    public void SetQuery(int row, int query, int place)
    {
        int q = row * Queries + query;
        QueryPosition[q] = place;
        (QueryOrder[q], QueryColumn[q]) = (place, place);
    }

    /// <summary>Sets a key's three places to one number.</summary>
    public void SetKey(int row, int key, int place)
    {
        int k = row * Keys + key;
        (KeyPosition[k], KeyOrder[k], KeyColumn[k]) = (place, place, place);
    }
}
