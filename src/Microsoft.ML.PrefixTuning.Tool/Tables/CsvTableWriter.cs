using System.Collections.Generic;
using System.Globalization;
using System.IO;
using CsvHelper;
using CsvHelper.Configuration;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Writes comma-separated rows; a text with line breaks is quoted and keeps them.</summary>
internal sealed class CsvTableWriter : TableWriter
{
    private readonly CsvWriter _writer;
    private readonly FieldLayout _layout;

    /// <param name="writer">Takes the text; not owned.</param>
    /// <param name="columns">The columns of the rows that come.</param>
    /// <param name="added">New columns.</param>
    public CsvTableWriter(TextWriter writer, IReadOnlyList<string> columns, IReadOnlyList<AddedColumn> added)
    {
        _writer = new CsvWriter(writer, new CsvConfiguration(CultureInfo.InvariantCulture) { NewLine = "\n" },
            leaveOpen: true);
        _layout = new FieldLayout(columns, added);
        WriteRow(_layout.Header);
    }

    public override void Write(TableRow row, IReadOnlyList<string[]> texts) => WriteRow(_layout.Fields(row, texts));

    public override void Flush() => _writer.Flush();

    public override void Dispose() => _writer.Dispose();

    private void WriteRow(IEnumerable<string> fields)
    {
        foreach (string field in fields)
            _writer.WriteField(field);
        _writer.NextRecord();
    }
}
