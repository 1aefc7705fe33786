using System;
using System.Collections.Generic;
using Microsoft.ML.Data;

namespace Microsoft.ML.PrefixTuning.MlNet;

/// <summary>
/// Finds the text columns that a schema or a promise of one must have, or refuses it in ML.NET's words.
/// </summary>
internal static class TextColumns
{
    /// <summary>A text column of a schema.</summary>
    /// <param name="schema">The schema.</param>
    /// <param name="name">The column's name.</param>
    /// <param name="role">What it is for, in ML.NET's messages.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or not a text.</exception>
    public static DataViewSchema.Column One(DataViewSchema schema, string name, string role)
    {
        DataViewSchema.Column column = schema.GetColumnOrNull(name) ?? throw Missing(role, name);
        return column.Type is TextDataViewType ? column : throw Mismatch(role, name, column.Type.ToString() ?? "");
    }

    /// <summary>A column of a schema that has one or several texts a row.</summary>
    /// <inheritdoc cref="One"/>
    public static DataViewSchema.Column OneOrSeveral(DataViewSchema schema, string name, string role)
    {
        DataViewSchema.Column column = schema.GetColumnOrNull(name) ?? throw Missing(role, name);
        return ColumnTexts.Has(column.Type) ? column : throw Mismatch(role, name, column.Type.ToString() ?? "");
    }

    /// <summary>Refuses a promise without a text column.</summary>
    /// <param name="columns">The promise, by the columns' names.</param>
    /// <param name="name">The column's name.</param>
    /// <param name="role">What it is for, in ML.NET's messages.</param>
    /// <param name="maySeveral">Whether a row may have several texts in it.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or not a text.</exception>
    public static void Require(Dictionary<string, SchemaShape.Column> columns, string name, string role,
        bool maySeveral = false)
    {
        if (!columns.TryGetValue(name, out SchemaShape.Column column))
            throw Missing(role, name);
        bool isScalar = column.Kind == SchemaShape.Column.VectorKind.Scalar;
        if (!isScalar && !maySeveral || column.ItemType != TextDataViewType.Instance)
            throw Mismatch(role, name, MlNetInternals.GetTypeString(column));
    }

    // ML.NET's own words and kind (Contracts.ExceptSchemaMismatch).
    /// <summary>A column is missing.</summary>
    public static ArgumentOutOfRangeException Missing(string role, string name) =>
        new("inputSchema", $"Could not find {role} column '{name}'");

    /// <summary>A column has another type.</summary>
    public static ArgumentOutOfRangeException Mismatch(string role, string name, string found,
        string expected = "String") =>
        new("inputSchema", $"Schema mismatch for {role} column '{name}': expected {expected}, got {found}");
}
