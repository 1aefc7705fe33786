using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Writes the rows of a table with new columns. A text never breaks its row, whatever is in it.</summary>
internal abstract class TableWriter : IDisposable
{
    /// <summary>Starts a table.</summary>
    /// <param name="writer">Takes the text; not owned.</param>
    /// <param name="format">Its format.</param>
    /// <param name="columns">The columns of the rows that come.</param>
    /// <param name="added">New columns and how many texts each has a row.</param>
    public static TableWriter Open(TextWriter writer, TableFormat format, IReadOnlyList<string> columns,
        IReadOnlyList<AddedColumn> added) => format switch
        {
            TableFormat.Csv => new CsvTableWriter(writer, columns, added),
            TableFormat.Jsonl => new JsonTableWriter(writer, columns, added),
            TableFormat.Tsv => new LineTableWriter(writer, columns, added),
            _ => new LineTableWriter(writer, null, added),
        };

    /// <summary>Writes a row.</summary>
    /// <param name="row">What was read.</param>
    /// <param name="texts">The texts of each added column.</param>
    public abstract void Write(TableRow row, IReadOnlyList<string[]> texts);

    /// <summary>Hands on what was written so far.</summary>
    public abstract void Flush();

    public virtual void Dispose() => Flush();
}

/// <summary>A column that rows get; it takes the place of one of the same name.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Count">Texts a row.</param>
internal sealed record AddedColumn(string Name, int Count)
{
    /// <summary>Names of one column a text: the name, then the name with a number.</summary>
    public IEnumerable<string> Names =>
        Enumerable.Range(1, Count).Select(number => number == 1 ? Name : $"{Name}.{number}");
}

/// <summary>
/// Where a table of fields puts what: the columns that were read, less those that are replaced, then the new ones.
/// </summary>
/// <param name="columns">The columns that were read.</param>
/// <param name="added">The new ones.</param>
internal sealed class FieldLayout(IReadOnlyList<string> columns, IReadOnlyList<AddedColumn> added)
{
    private readonly string[] _new = [.. added.SelectMany(column => column.Names)];

    /// <summary>The header.</summary>
    public IEnumerable<string> Header => columns.Concat(_new.Except(columns));

    /// <summary>A row's fields in the header's order.</summary>
    public IEnumerable<string> Fields(TableRow row, IReadOnlyList<string[]> texts)
    {
        string[] values = [.. texts.SelectMany(text => text)];
        return Header.Select((name, place) => Array.IndexOf(_new, name) is >= 0 and int at ? values[at]
            : row.Values[place] ?? "");
    }
}
