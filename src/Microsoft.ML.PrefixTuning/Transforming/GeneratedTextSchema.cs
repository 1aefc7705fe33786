using System;
using System.Collections.Generic;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.MlNet;
using Microsoft.ML.PrefixTuning.Options;

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
    /// <param name="teacherColumn">Another one, with what a teacher reads; or null.</param>
    /// <param name="draws">Whether texts are written: training draws nothing.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or not a text.</exception>
    public static SchemaShape Promise(SchemaShape input, TextSettings settings, string? labelColumn,
        string? teacherColumn = null, bool draws = true)
    {
        ArgumentNullException.ThrowIfNull(input);
        var columns = new Dictionary<string, SchemaShape.Column>(StringComparer.Ordinal);
        foreach (SchemaShape.Column column in input)
            columns[column.Name] = column;
        TextColumns.Require(columns, settings.InputColumn, "input");
        if (settings.AttributeColumn is { } attribute)
            TextColumns.Require(columns, attribute, "attribute");
        if (draws && settings.DrawColumn is { } draw)
            DrawColumns.Require(columns, draw);
        if (labelColumn is not null)
            TextColumns.Require(columns, labelColumn, "label", maySeveral: true);
        if (teacherColumn is not null)
            TextColumns.Require(columns, teacherColumn, "teacher");
        columns[settings.OutputColumn] = settings.Generation.SequenceCount == 1
            ? MlNetInternals.MakeTextColumn(settings.OutputColumn)
            : MlNetInternals.MakeColumn(settings.OutputColumn, SchemaShape.Column.VectorKind.Vector,
                TextDataViewType.Instance);
        if (settings.Generation.ErrorColumnName is { } error)
            columns[error] = MlNetInternals.MakeTextColumn(error);
        return new SchemaShape(columns.Values);
    }

    /// <summary>The columns that are read of every row.</summary>
    /// <param name="schema">The schema.</param>
    /// <param name="settings">Their names.</param>
    /// <param name="draws">Whether texts are written: training draws nothing.</param>
    /// <exception cref="ArgumentOutOfRangeException">One is missing or of another type.</exception>
    public static ReadColumns Read(DataViewSchema schema, TextSettings settings, bool draws = true) => new(
        TextColumns.One(schema, settings.InputColumn, "input"),
        settings.AttributeColumn is { } attribute ? TextColumns.One(schema, attribute, "attribute") : null,
        draws && settings.DrawColumn is { } draw ? DrawColumns.One(schema, draw) : null);

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
}
