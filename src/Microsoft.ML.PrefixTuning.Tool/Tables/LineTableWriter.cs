using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Tab-separated lines. Tabs and line breaks inside a text become one space each.</summary>
/// <param name="layout">Where columns stand; null for the new texts alone, without a header.</param>
/// <exception cref="FormatException">Two columns have one name in a line.</exception>
internal sealed class LineTableWriter(FieldLayout? layout) : TableWriter
{
    public override string Start { get; } = layout is null ? "" : Line(Checked(layout.Header));

    public override string Row(TableRow row, IReadOnlyList<string[]> texts) =>
        Line(layout is null ? texts.SelectMany(text => text) : layout.Fields(row, texts));

    private static IReadOnlyList<string> Checked(IReadOnlyList<string> header)
    {
        // Columns without a name are as many as there are.
        if (header.Where(name => name.Length > 0).Select(OneLine).CountBy(name => name)
            .FirstOrDefault(name => name.Value > 1) is { Key: { } twice })
        {
            throw new FormatException("expected columns whose names differ in a line, where tabs and line breaks are"
                + $" spaces, found '{twice}' twice; csv and jsonl keep them.");
        }
        return header;
    }

    private static string Line(IEnumerable<string> fields) => string.Join('\t', fields.Select(OneLine)) + "\n";

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").Replace('\t', ' ');
}
