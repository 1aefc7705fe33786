using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Columns by their names.</summary>
internal static class TableColumns
{
    /// <summary>The place of a column.</summary>
    /// <param name="columns">All of a table.</param>
    /// <param name="name">The column.</param>
    /// <param name="path">The table's file, or the first of several; or <see cref="TableFormats.Standard"/>.</param>
    /// <exception cref="FormatException">It is missing; the message says what is there.</exception>
    public static int Find(IReadOnlyList<string> columns, string name, string path)
    {
        int found = columns.ToList().IndexOf(name);
        if (found >= 0)
            return found;
        string named = string.Join(", ", columns.Where(column => column.Length > 0).Select(column => $"'{column}'"));
        string place = path == TableFormats.Standard ? "standard input" : $"'{path}'";
        throw new FormatException($"Could not find column '{name}' in {place}; there are: "
            + $"{(named.Length > 0 ? named : "none with a name")}.");
    }

    /// <summary>The names with one for each column that has none, such as <c>Column0</c> for the first one.</summary>
    public static IEnumerable<string> Named(IReadOnlyList<string> columns)
    {
        var taken = columns.ToHashSet();
        for (int place = 0; place < columns.Count; place++)
        {
            string name = columns[place];
            if (name.Length == 0)
            {
                name = $"Column{place}";
                while (!taken.Add(name))
                    name += "_";
            }
            yield return name;
        }
    }
}
