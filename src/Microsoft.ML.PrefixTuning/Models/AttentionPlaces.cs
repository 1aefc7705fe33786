using System;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// Who sees whom in one pass, as plain numbers: for every row, the place of each query and of each key. One description
/// serves causal, padded, windowed, prefixed and cached attention alike. A query sees a key whose order is not above
/// its own, unless a window cuts it off; an exempt key no window reaches.
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
    public AttentionPlaces(int rows, int queries, int keys)
    {
        (Rows, Queries, Keys) = (rows, queries, keys);
        QueryPosition = new long[rows * queries];
        QueryOrder = new int[rows * queries];
        QueryColumn = new int[rows * queries];
        KeyPosition = new int[rows * keys];
        KeyOrder = new int[rows * keys];
        KeyColumn = new int[rows * keys];
        KeyExempt = new bool[rows * keys];
        Array.Fill(KeyOrder, Hidden);
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

    /// <summary>Whether any query does not see any key.</summary>
    /// <param name="window">Keys that a query sees, from its own place back; null for all.</param>
    public bool HidesAny(int? window)
    {
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
