using System.IO;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Reads tab-separated lines, or lines of one text each.</summary>
/// <param name="reader">The text; owned.</param>
/// <param name="name">Name of the file, for messages.</param>
/// <param name="textColumn">
/// The only column, where there is no header and tabs are text; null for tab-separated fields.
/// </param>
internal sealed class LineTableReader(TextReader reader, string name, string? textColumn) : TableReader(reader, name)
{
    private long _line;

    protected override long Line => _line;

    protected override bool Begin()
    {
        Columns = textColumn is null ? (ReadLine() ?? throw NoHeader()).Split('\t') : [textColumn];
        return true;
    }

    protected override TableRow? Next() =>
        ReadLine() is { } line ? MakeRow(textColumn is null ? line.Split('\t') : [line]) : null;

    private string? ReadLine()
    {
        string? line = Reader.ReadLine();
        if (line is not null)
            _line++;
        return line;
    }
}
