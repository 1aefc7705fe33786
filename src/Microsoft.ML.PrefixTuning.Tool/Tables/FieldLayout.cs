using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>
/// Where a table of fields puts what: the columns that were read, some of them with new texts, then the new ones. What
/// a former run wrote beyond the new texts is left out.
/// </summary>
internal sealed class FieldLayout
{
    private readonly string[] _new;

    /// <param name="columns">The columns that were read.</param>
    /// <param name="added">The new ones.</param>
    /// <exception cref="FormatException">A column that was read is no former one, and has a new one's name.</exception>
    public FieldLayout(IReadOnlyList<string> columns, IReadOnlyList<AddedColumn> added)
    {
        _new = [.. added.SelectMany(column => column.Names)];
        string[] former = [.. added.SelectMany(column => column.Former(columns))];
        if (added.SelectMany(column => column.Names.Skip(1)).Except(former).FirstOrDefault(columns.Contains)
            is { } taken)
        {
            throw new FormatException($"expected rows without a column '{taken}', which takes one of several texts,"
                + " found one that no former run wrote; JSON lines have an array instead (jsonl).");
        }
        Kept = [.. Enumerable.Range(0, columns.Count)
            .Where(place => _new.Contains(columns[place]) || !former.Contains(columns[place]))];
        string[] kept = [.. Kept.Select(place => columns[place])];
        Header = [.. kept, .. _new.Except(kept)];
    }

    /// <summary>Names of the new ones.</summary>
    public IReadOnlyList<string> New => _new;

    /// <summary>The places among the columns that were read of those that the header begins with.</summary>
    public IReadOnlyList<int> Kept { get; }

    /// <summary>The header.</summary>
    public IReadOnlyList<string> Header { get; }

    /// <summary>A row's fields in the header's order.</summary>
    /// <exception cref="FormatException">The row has more than the columns.</exception>
    public IEnumerable<string> Fields(TableRow row, IReadOnlyList<string[]> texts)
    {
        row.CheckColumns(_new);
        string[] values = [.. texts.SelectMany(text => text)];
        return Header.Select((name, place) =>
            Array.IndexOf(_new, name) is >= 0 and int at ? values[at] : row.Field(Kept[place]));
    }
}
