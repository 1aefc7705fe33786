using System;
using System.Globalization;
using System.IO;
using CsvHelper;
using CsvHelper.Configuration;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Reads comma-separated rows (RFC 4180: quoted fields may hold commas, quotes and line breaks).</summary>
internal sealed class CsvTableReader : TableReader
{
    private readonly CsvParser _parser;
    private long _line;

    /// <param name="reader">The text; owned.</param>
    /// <param name="name">Name of the file, for messages.</param>
    public CsvTableReader(TextReader reader, string name)
        : base(reader, name)
    {
        _parser = new CsvParser(reader,
            new CsvConfiguration(CultureInfo.InvariantCulture) { IgnoreBlankLines = false });
    }

    protected override long Line => _line;

    public override void Dispose()
    {
        _parser.Dispose();
        base.Dispose();
    }

    protected override bool Begin()
    {
        Columns = Fields() ?? throw NoHeader();
        return true;
    }

    protected override TableRow? Next() => Fields() is { } fields ? MakeRow(fields) : null;

    private string[]? Fields()
    {
        try
        {
            // A row may go on in further lines.
            _line = _parser.RawRow + 1;
            // A blank line has no field.
            return !_parser.Read() ? null : _parser.Record is { Length: > 0 } fields ? fields : [""];
        }
        catch (CsvHelperException fault)
        {
            throw new FormatException(
                $"{Place}: expected comma-separated fields, found a quote inside an unquoted field or one without end.",
                fault);
        }
    }
}
