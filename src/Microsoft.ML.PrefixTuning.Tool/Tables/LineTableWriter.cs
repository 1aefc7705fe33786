using System.Collections.Generic;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Tab-separated lines. Tabs and line breaks inside a text become one space each.</summary>
/// <param name="layout">Where columns stand; null for the new texts alone, without a header.</param>
internal sealed class LineTableWriter(FieldLayout? layout) : TableWriter
{
    public override string Start => layout is null ? "" : Line(layout.Header);

    public override string Row(TableRow row, IReadOnlyList<string[]> texts) =>
        Line(layout is null ? texts.SelectMany(text => text) : layout.Fields(row, texts));

    private static string Line(IEnumerable<string> fields) => string.Join('\t', fields.Select(OneLine)) + "\n";

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").Replace('\t', ' ');
}
