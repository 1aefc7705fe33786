using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Comma-separated rows (RFC 4180); a text with line breaks is quoted and keeps them.</summary>
/// <param name="layout">Where columns stand.</param>
internal sealed class CsvTableWriter(FieldLayout layout) : TableWriter
{
    public override string Start => Line(layout.Header);

    public override string Row(TableRow row, IReadOnlyList<string[]> texts) => Line(layout.Fields(row, texts));

    // Many readers pass over an empty line: a row of one empty text is none.
    private static string Line(IEnumerable<string> fields) =>
        string.Join(',', fields.Select(Quote)) is { Length: > 0 } line ? line + "\n" : "\"\"\n";

    // Some readers take a carriage return alone for the end of a row, and cut spaces at the ends of a field.
    private static string Quote(string field) =>
        field.AsSpan().IndexOfAny(",\"\r\n") >= 0 || field.StartsWith(' ') || field.EndsWith(' ')
            ? $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : field;
}
