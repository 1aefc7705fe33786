using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Rows;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>
/// Texts that a transformed view has written, by all that they depend on: input text, attribute value and draw. Safe
/// for concurrent use.
/// </summary>
/// <remarks>
/// Where it is full it keeps what it has. Further passes ask in the order of the first one: whatever made room for the
/// last rows would drop each of the first ones just before it is asked for again.
/// </remarks>
/// <param name="most">Rows whose texts are kept; 0 means that every row is written whenever it is asked for.</param>
internal sealed class TextMemory(int most)
{
    private readonly Dictionary<RowKey, GeneratedText> _known = [];

    /// <summary>The texts of some rows; those that are not known are written, rows of the same key once.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="write">Writes the texts of some of them.</param>
    public GeneratedText[] Texts(IReadOnlyList<InputRow> rows, Func<IReadOnlyList<InputRow>, GeneratedText[]> write)
    {
        if (most == 0)
            return write(rows);
        var texts = new GeneratedText?[rows.Count];
        Recall(rows, texts, _known);
        int[] firsts = [.. Missing().DistinctBy(place => RowKey.Of(rows[place]))];
        Dictionary<RowKey, GeneratedText> written = Write(firsts);
        Remember(written);
        Recall(rows, texts, written);
        // What is left has the key of a row that could not be used. The message names the row: each gets its own.
        Write([.. Missing()]);
        return texts!;

        IEnumerable<int> Missing() => Enumerable.Range(0, texts.Length).Where(place => texts[place] is null);

        Dictionary<RowKey, GeneratedText> Write(int[] places)
        {
            var good = new Dictionary<RowKey, GeneratedText>();
            GeneratedText[] results = places.Length == 0 ? [] : write(Array.ConvertAll(places, place => rows[place]));
            for (int i = 0; i < results.Length; i++)
            {
                texts[places[i]] = results[i];
                if (results[i].Error.Length == 0)
                    good[RowKey.Of(rows[places[i]])] = results[i];
            }
            return good;
        }
    }

    private static void Recall(IReadOnlyList<InputRow> rows, GeneratedText?[] texts,
        Dictionary<RowKey, GeneratedText> known)
    {
        lock (known)
        {
            for (int place = 0; place < texts.Length; place++)
                texts[place] ??= known.GetValueOrDefault(RowKey.Of(rows[place]));
        }
    }

    private void Remember(Dictionary<RowKey, GeneratedText> written)
    {
        lock (_known)
        {
            foreach ((RowKey key, GeneratedText text) in written.Take(most - _known.Count))
                _known[key] = text;
        }
    }

    private readonly record struct RowKey(string Text, string? Attribute, string? Draw)
    {
        public static RowKey Of(InputRow row) => new(row.Text, row.Attribute, row.Draw);
    }
}
