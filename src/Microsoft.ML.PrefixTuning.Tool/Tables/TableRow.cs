using System;
using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>A row as it was read.</summary>
/// <param name="place">Its file and line, for messages.</param>
/// <param name="columns">Names of the table's columns.</param>
internal abstract class TableRow(string place, IReadOnlyList<string> columns)
{
    /// <summary>Its file and line, for messages.</summary>
    public string Place => place;

    /// <summary>Names of the table's columns.</summary>
    public IReadOnlyList<string> Columns => columns;

    /// <summary>
    /// What the row has, with its values as JSON; there may be more than the table's columns, or fewer.
    /// </summary>
    public abstract IEnumerable<(string Name, string Json)> Properties { get; }

    /// <summary>A column's text; null where the row has none.</summary>
    /// <exception cref="FormatException">The row has something else there.</exception>
    public abstract string? TextOrNull(int column);

    /// <summary>The texts of a column that may have several.</summary>
    /// <exception cref="FormatException">The row has something else there, or nothing.</exception>
    public abstract IReadOnlyList<string> Texts(int column);

    /// <summary>A column's value as JSON; null where the row has none.</summary>
    public abstract string? JsonOrNull(int column);

    /// <summary>A column as a field of a table: what is no text as JSON, what is missing as nothing.</summary>
    public abstract string Field(int column);

    /// <summary>A column's text.</summary>
    /// <exception cref="FormatException">The row has something else there, or nothing.</exception>
    public string Text(int column) => TextOrNull(column)
        ?? throw new FormatException($"{place}: expected a property '{columns[column]}', found none.");

    /// <summary>The first text of a column that may have several: the best one, where a model wrote them.</summary>
    /// <inheritdoc cref="Text"/>
    public string FirstText(int column) =>
        Texts(column) is [var first, ..] ? first : throw Expected(column, "a text", "an empty array");

    /// <summary>Refuses values that the table's columns have no place for.</summary>
    /// <param name="replaced">Further columns of the table, which take other values.</param>
    /// <exception cref="FormatException">There is one.</exception>
    public virtual void CheckColumns(IReadOnlyList<string> replaced)
    {
    }

    /// <summary>The error of a value.</summary>
    protected FormatException Expected(int column, string expected, string found) =>
        new($"{place}, column '{columns[column]}': expected {expected}, found {found}.");
}
