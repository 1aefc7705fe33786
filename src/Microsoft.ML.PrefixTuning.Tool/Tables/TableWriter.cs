using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>
/// Makes the text of a table of rows with new columns. A row's text depends on nothing but the row, and what is in a
/// column never breaks its row.
/// </summary>
internal abstract class TableWriter
{
    /// <summary>What stands in front of all rows.</summary>
    public virtual string Start => "";

    /// <summary>What stands between two rows.</summary>
    public virtual string Between => "";

    /// <summary>What stands behind all rows.</summary>
    public virtual string End => "";

    /// <summary>Whether a table is its rows' texts; else it exists only whole.</summary>
    public virtual bool IsText => true;

    /// <summary>Makes one.</summary>
    /// <param name="format">The table's format.</param>
    /// <param name="columns">The columns of the rows that come.</param>
    /// <param name="added">New columns and how many texts each has a row.</param>
    /// <param name="kinds">What the columns of the rows hold; null for texts.</param>
    /// <exception cref="FormatException">Names of columns do not go together.</exception>
    public static TableWriter Make(TableFormat format, IReadOnlyList<string> columns,
        IReadOnlyList<AddedColumn> added, IReadOnlyList<ColumnKind>? kinds = null) => format switch
        {
            TableFormat.Parquet => new ParquetTableWriter(new FieldLayout(columns, added),
                kinds ?? [.. columns.Select(_ => ColumnKind.Text)]),
            TableFormat.Csv => new CsvTableWriter(new FieldLayout(columns, added)),
            TableFormat.Json => new JsonTableWriter(columns, added, isArray: true),
            TableFormat.Jsonl => new JsonTableWriter(columns, added, isArray: false),
            TableFormat.Tsv => new LineTableWriter(new FieldLayout(columns, added)),
            _ => new LineTableWriter(null),
        };

    /// <summary>The text of a row.</summary>
    /// <param name="row">What was read.</param>
    /// <param name="texts">The texts of each added column.</param>
    /// <exception cref="FormatException">The table has no place for something that the row has.</exception>
    public abstract string Row(TableRow row, IReadOnlyList<string[]> texts);

    /// <summary>Writes a whole table.</summary>
    /// <param name="stream">Takes it.</param>
    /// <param name="rows">The text of every row.</param>
    public virtual void WriteAll(Stream stream, IEnumerable<string> rows)
    {
        using var writer = new StreamWriter(stream, TextFiles.Utf8, bufferSize: -1, leaveOpen: true);
        writer.Write(Start);
        bool isFirst = true;
        foreach (string text in rows)
        {
            if (!isFirst)
                writer.Write(Between);
            isFirst = false;
            writer.Write(text);
        }
        writer.Write(End);
    }
}
