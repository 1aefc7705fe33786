using System;
using System.Collections.Generic;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.MlNet;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>
/// What a transformer demands of its input and adds to it, as a promise (shape) and as delivered (schema): one place,
/// so that both are the same.
/// </summary>
internal static class GeneratedTextSchema
{
    /// <summary>The promise.</summary>
    /// <param name="input">Shape of the data.</param>
    /// <param name="settings">Columns.</param>
    /// <param name="labelColumn">A text column that is needed too, or null.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or not a text.</exception>
    public static SchemaShape Promise(SchemaShape input, TextSettings settings, string? labelColumn)
    {
        ArgumentNullException.ThrowIfNull(input);
        var columns = new Dictionary<string, SchemaShape.Column>(StringComparer.Ordinal);
        foreach (SchemaShape.Column column in input)
            columns[column.Name] = column;
        Require(columns, settings.InputColumn, "input");
        if (settings.AttributeColumn is { } attribute)
            Require(columns, attribute, "attribute");
        if (labelColumn is not null)
            Require(columns, labelColumn, "label", maySeveral: true);
        columns[settings.OutputColumn] = settings.Generation.SequenceCount == 1
            ? MlNetInternals.MakeTextColumn(settings.OutputColumn)
            : MlNetInternals.MakeColumn(settings.OutputColumn, SchemaShape.Column.VectorKind.Vector,
                TextDataViewType.Instance);
        if (settings.Generation.ErrorColumnName is { } error)
            columns[error] = MlNetInternals.MakeTextColumn(error);
        return new SchemaShape(columns.Values);
    }

    /// <summary>
    /// The columns that are read of every row: the input column, then the attribute column where there is one.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">One is missing or not a text.</exception>
    public static DataViewSchema.Column[] Read(DataViewSchema schema, TextSettings settings)
    {
        DataViewSchema.Column input = TextColumn(schema, settings.InputColumn, "input");
        return settings.AttributeColumn is { } attribute ? [input, TextColumn(schema, attribute, "attribute")]
            : [input];
    }

    /// <summary>A text column of a schema.</summary>
    /// <param name="schema">The schema.</param>
    /// <param name="name">The column's name.</param>
    /// <param name="role">What it is for, in ML.NET's messages.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or not a text.</exception>
    public static DataViewSchema.Column TextColumn(DataViewSchema schema, string name, string role)
    {
        DataViewSchema.Column column = schema.GetColumnOrNull(name) ?? throw Missing(role, name);
        return column.Type is TextDataViewType ? column : throw Mismatch(role, name, column.Type.ToString() ?? "");
    }

    /// <summary>A column of a schema that has one or several texts a row.</summary>
    /// <inheritdoc cref="TextColumn"/>
    public static DataViewSchema.Column TextsColumn(DataViewSchema schema, string name, string role)
    {
        DataViewSchema.Column column = schema.GetColumnOrNull(name) ?? throw Missing(role, name);
        return ColumnTexts.Has(column.Type) ? column : throw Mismatch(role, name, column.Type.ToString() ?? "");
    }

    /// <summary>What is delivered: the input's columns, then ours. Column i of the input is column i here.</summary>
    public static DataViewSchema Deliver(DataViewSchema input, TextSettings settings)
    {
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(input);
        int sequences = settings.Generation.SequenceCount;
        builder.AddColumn(settings.OutputColumn, sequences == 1 ? TextDataViewType.Instance
            : new VectorDataViewType(TextDataViewType.Instance, sequences));
        if (settings.Generation.ErrorColumnName is { } error)
            builder.AddColumn(error, TextDataViewType.Instance);
        return builder.ToSchema();
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
    private static ArgumentOutOfRangeException Missing(string role, string name) =>
        new("inputSchema", $"Could not find {role} column '{name}'");

    private static ArgumentOutOfRangeException Mismatch(string role, string name, string found) =>
        new("inputSchema", $"Schema mismatch for {role} column '{name}': expected String, got {found}");
}
