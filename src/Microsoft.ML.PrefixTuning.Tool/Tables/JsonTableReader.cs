using System;
using System.IO;
using System.Linq;
using System.Text.Json;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>
/// Reads a JSON object a line. The columns are the properties of the first one; other rows may lack some.
/// </summary>
/// <param name="reader">The text; owned.</param>
/// <param name="name">Name of the file, for messages.</param>
internal sealed class JsonTableReader(TextReader reader, string name) : TableReader(reader, name)
{
    private long _line;
    private JsonElement? _first;

    protected override long Line => _line;

    protected override bool Begin()
    {
        _first = ReadObject();
        Columns = _first is { } row ? [.. row.EnumerateObject().Select(property => property.Name)] : [];
        return true;
    }

    protected override TableRow? Next()
    {
        JsonElement? row = _first ?? ReadObject();
        _first = null;
        return row is { } found ? new TableRow(Place, [.. Columns.Select(column => Text(found, column))], found) : null;
    }

    private JsonElement? ReadObject()
    {
        if (Reader.ReadLine() is not { } line)
            return null;
        _line++;
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone()
                : throw new FormatException(
                    $"{Place}: expected a JSON object, found {document.RootElement.ValueKind}.");
        }
        catch (JsonException fault)
        {
            throw new FormatException($"{Place}: expected a JSON object, found something else: {fault.Message}", fault);
        }
    }

    private static string? Text(JsonElement row, string column) =>
        !row.TryGetProperty(column, out JsonElement value) ? null
        : value.ValueKind switch
        {
            JsonValueKind.String => value.GetString(),
            JsonValueKind.Null => "",
            _ => value.GetRawText(),
        };
}
