using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Writes tab-separated lines. Tabs and line breaks inside a text become one space each.</summary>
internal sealed class LineTableWriter : TableWriter
{
    private readonly TextWriter _writer;
    private readonly FieldLayout? _layout;

    /// <param name="writer">Takes the text; not owned.</param>
    /// <param name="columns">The columns of the rows that come; null for the new texts alone, without a header.</param>
    /// <param name="added">New columns.</param>
    public LineTableWriter(TextWriter writer, IReadOnlyList<string>? columns, IReadOnlyList<AddedColumn> added)
    {
        _writer = writer;
        _layout = columns is null ? null : new FieldLayout(columns, added);
        if (_layout is not null)
            WriteLine(_layout.Header);
    }

    public override void Write(TableRow row, IReadOnlyList<string[]> texts) =>
        WriteLine(_layout is null ? texts.SelectMany(text => text) : _layout.Fields(row, texts));

    public override void Flush() => _writer.Flush();

    private void WriteLine(IEnumerable<string> fields)
    {
        _writer.Write(string.Join('\t', fields.Select(OneLine)));
        _writer.Write('\n');
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").Replace('\t', ' ');
}
