using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>
/// Numbers the n-grams of several texts so that equal n-grams get equal numbers. An n-gram is known by the number of
/// all its tokens but the last, and its last token. Not for use from several threads.
/// </summary>
/// <param name="maxOrder">Tokens of the longest n-grams.</param>
internal sealed class NGramNumbers<TToken>(int maxOrder)
    where TToken : notnull
{
    private readonly Dictionary<TToken, int> _tokens = [];
    private readonly Dictionary<(int Beginning, int Token), int>[] _longer = NewTables(maxOrder);
    private readonly List<int>[] _beginnings = NewLists(maxOrder);

    /// <summary>The n-grams of all orders in a text.</summary>
    public NGramCounts Count(ReadOnlySpan<TToken> tokens)
    {
        var numbers = new int[tokens.Length];
        for (int i = 0; i < tokens.Length; i++)
            numbers[i] = NumberOf(tokens[i]);
        var counts = new Dictionary<int, int>[maxOrder];
        int[] grams = numbers;
        for (int order = 1; order <= maxOrder; order++)
        {
            int total = Math.Max(0, tokens.Length - order + 1);
            if (order > 1)
                grams = Lengthen(grams, numbers, order, total);
            counts[order - 1] = Tally(grams.AsSpan(0, total));
        }
        return new NGramCounts(numbers, counts);
    }

    /// <summary>The number, in the next lower order, of an n-gram without its last token.</summary>
    /// <param name="order">2 or more.</param>
    /// <param name="number">The n-gram's number in this order.</param>
    public int BeginningOf(int order, int number) => _beginnings[order - 1][number];

    private int[] Lengthen(int[] beginnings, int[] tokens, int order, int total)
    {
        var grams = new int[total];
        Dictionary<(int, int), int> table = _longer[order - 1];
        for (int i = 0; i < total; i++)
        {
            (int, int) key = (beginnings[i], tokens[i + order - 1]);
            if (!table.TryGetValue(key, out grams[i]))
            {
                table.Add(key, grams[i] = table.Count);
                _beginnings[order - 1].Add(beginnings[i]);
            }
        }
        return grams;
    }

    private int NumberOf(TToken token)
    {
        if (!_tokens.TryGetValue(token, out int number))
            _tokens.Add(token, number = _tokens.Count);
        return number;
    }

    private static Dictionary<int, int> Tally(ReadOnlySpan<int> grams)
    {
        var counts = new Dictionary<int, int>(grams.Length);
        foreach (int gram in grams)
            counts[gram] = counts.GetValueOrDefault(gram) + 1;
        return counts;
    }

    private static Dictionary<(int, int), int>[] NewTables(int maxOrder)
    {
        var tables = new Dictionary<(int, int), int>[maxOrder];
        for (int i = 0; i < maxOrder; i++)
            tables[i] = [];
        return tables;
    }

    private static List<int>[] NewLists(int maxOrder)
    {
        var lists = new List<int>[maxOrder];
        for (int i = 0; i < maxOrder; i++)
            lists[i] = [];
        return lists;
    }
}
