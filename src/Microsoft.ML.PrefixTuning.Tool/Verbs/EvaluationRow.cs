using System;
using System.Collections.Generic;
using Microsoft.ML.Data;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>A text and its references, as ML.NET reads them.</summary>
internal sealed class EvaluationRow
{
    public string Output { get; set; } = "";

    [VectorType]
    public string[] References { get; set; } = [];

    /// <summary>Equal for rows that are one text with several references.</summary>
    public string Group { get; set; } = "";
}

/// <summary>The columns of a table that is measured.</summary>
/// <param name="Label">References.</param>
/// <param name="Group">What belongs together; null where every row stands for itself.</param>
/// <param name="Output">Texts; null where they are not in the table.</param>
internal sealed record EvaluationNames(string Label, string? Group, string? Output);

/// <summary>Takes what is measured out of a table's rows.</summary>
internal sealed class EvaluationFields
{
    private readonly EvaluationNames _names;
    private readonly int _label;
    private readonly int? _group, _output;

    /// <param name="path">The table's file, or <see cref="TableFormats.Standard"/>.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="names">Those that are measured.</param>
    /// <exception cref="FormatException">A column is missing.</exception>
    public EvaluationFields(string path, IReadOnlyList<string> columns, EvaluationNames names)
    {
        _names = names;
        _label = TableColumns.Find(columns, names.Label, path);
        _group = names.Group is null ? null : TableColumns.Find(columns, names.Group, path);
        _output = names.Output is null ? null : TableColumns.Find(columns, names.Output, path);
    }

    /// <summary>Reads a row; its text stays empty where the table has none.</summary>
    /// <exception cref="FormatException">The row lacks a column or its group.</exception>
    public EvaluationRow Read(TableRow row) => new()
    {
        References = [.. row.Texts(_label)],
        Group = _group is int group ? GroupText(row, group) : "",
        Output = _output is int output ? row.FirstText(output) : "",
    };

    private string GroupText(TableRow row, int column) => row.Text(column) is { Length: > 0 } group ? group
        : throw new FormatException($"{row.Place}, column '{_names.Group}': expected a group, found an empty text.");
}
