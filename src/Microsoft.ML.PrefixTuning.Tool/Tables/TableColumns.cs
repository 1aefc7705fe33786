using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Columns by their names.</summary>
internal static class TableColumns
{
    /// <summary>The place of a column.</summary>
    /// <exception cref="FormatException">It is missing; the message says what is there.</exception>
    public static int Find(IReadOnlyList<string> columns, string name)
    {
        int found = columns.ToList().IndexOf(name);
        return found >= 0 ? found
            : throw new FormatException(
                $"Could not find column '{name}'; there are: {string.Join(", ", columns.Select(column => $"'{column}'"))}.");
    }
}
