using System;
using System.Collections.Generic;
using System.IO;
using System.Text.Json;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Reads JSON objects. The columns are the properties of the first one; other rows may lack some.</summary>
/// <param name="reader">The text; owned.</param>
/// <param name="name">Name of the file, for messages.</param>
/// <param name="columns">The columns; null for the properties of the first object.</param>
internal abstract class JsonTableReader(TextReader reader, string name, IReadOnlyList<string>? columns)
    : TableReader(reader, name)
{
    private JsonRow? _first;
    private bool _isEmpty;

    public sealed override bool IsEmpty => _isEmpty;

    protected sealed override bool Begin()
    {
        _first = ReadRow(columns);
        _isEmpty = _first is null;
        Columns = columns ?? _first?.Columns ?? [];
        return true;
    }

    protected sealed override TableRow? Next()
    {
        JsonRow? row = _first ?? ReadRow(Columns);
        _first = null;
        return row;
    }

    /// <summary>The text of the next object, or null at the end.</summary>
    protected abstract string? NextObject();

    private JsonRow? ReadRow(IReadOnlyList<string>? named)
    {
        if (NextObject() is not { } text)
            return null;
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new JsonRow(Place, named, document.RootElement.Clone())
                : throw new FormatException(
                    $"{Place}: expected a JSON object, found {document.RootElement.ValueKind}.");
        }
        catch (JsonException fault)
        {
            throw new FormatException($"{Place}: expected a JSON object, found something else: {Reason(fault)}", fault);
        }
    }

    // Without the place inside of the object, which counts lines from 0, and without advice on how .NET reads.
    private static string Reason(JsonException fault) => fault.Message.Split(" LineNumber: ")[0]
        .Replace(" Change the reader options.", "", StringComparison.Ordinal);
}
