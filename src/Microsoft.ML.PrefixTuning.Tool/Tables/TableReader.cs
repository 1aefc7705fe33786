using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Reads rows one by one; no row is read before it is asked for.</summary>
/// <param name="reader">The text; owned.</param>
/// <param name="name">Name of the file, for messages.</param>
internal abstract class TableReader(TextReader reader, string name) : IRowReader
{
    /// <summary>Names of the columns; a column may be without one.</summary>
    public IReadOnlyList<string> Columns { get; protected set; } = [];

    /// <inheritdoc cref="IRowReader.IsEmpty"/>
    public virtual bool IsEmpty => false;

    /// <summary>The text.</summary>
    protected TextReader Reader => reader;

    /// <summary>Line that the row which was read last begins in, from 1.</summary>
    protected abstract long Line { get; }

    /// <summary>File and line, for messages.</summary>
    protected virtual string Place => $"{name}, line {Line}";

    /// <summary>Starts to read a table.</summary>
    /// <param name="reader">The text; owned.</param>
    /// <param name="name">Name of the file, for messages.</param>
    /// <param name="format">Its format.</param>
    /// <param name="textColumn">What the only column of <see cref="TableFormat.Text"/> is called.</param>
    /// <param name="columns">The columns, where another file of the table says which they are; else null.</param>
    /// <exception cref="FormatException">There is no good header.</exception>
    public static TableReader Open(TextReader reader, string name, TableFormat format, string textColumn,
        IReadOnlyList<string>? columns = null)
    {
        TableReader made = format switch
        {
            TableFormat.Csv => new CsvTableReader(reader, name),
            TableFormat.Json => new JsonArrayReader(reader, name, columns),
            TableFormat.Jsonl => new JsonLinesReader(reader, name, columns),
            TableFormat.Tsv => new LineTableReader(reader, name, null),
            _ => new LineTableReader(reader, name, textColumn),
        };
        try
        {
            made.Guarded(made.Begin);
            // Columns without a name, such as an index, are as many as there are.
            if (made.Columns.Where(column => column.Length > 0).CountBy(column => column)
                .FirstOrDefault(column => column.Value > 1) is { Key: { } twice })
                throw new FormatException($"{made.Place}: the column '{twice}' is there twice.");
            return made;
        }
        catch
        {
            made.Dispose();
            throw;
        }
    }

    /// <summary>The next row, or null at the end.</summary>
    /// <exception cref="FormatException">The row is broken.</exception>
    public TableRow? Read() => Guarded(Next);

    public virtual void Dispose() => reader.Dispose();

    /// <summary>Reads the columns' names.</summary>
    protected abstract bool Begin();

    /// <summary>Reads a row.</summary>
    protected abstract TableRow? Next();

    /// <summary>A row of fields in the columns' order. An empty line is a row of empty texts.</summary>
    protected TableRow MakeRow(string[] fields)
    {
        if (fields is [""])
            fields = [.. Columns.Select(_ => "")];
        return fields.Length == Columns.Count ? new FieldRow(Place, Columns, fields)
            : throw new FormatException($"{Place}: expected {Columns.Count} fields, found {fields.Length}.");
    }

    /// <summary>The error of a file without a header.</summary>
    protected FormatException NoHeader() =>
        new($"{name}: expected a line with the columns' names, found an empty file.");

    private T Guarded<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (DecoderFallbackException fault)
        {
            string place = Line > 0 ? $"{name}, after line {Line}" : name;
            throw new FormatException(
                $"{place}: expected {TextFiles.EncodingOf(reader)}, found other bytes.", fault);
        }
        catch (InvalidDataException fault)
        {
            throw new FormatException($"{name}: expected a text, found {fault.Message}.", fault);
        }
    }
}
