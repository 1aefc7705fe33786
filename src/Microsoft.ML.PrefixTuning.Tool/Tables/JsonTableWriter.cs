using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>
/// Writes a JSON object a line: the row's own properties as they were, and the new ones; several texts as an array.
/// </summary>
/// <param name="writer">Takes the text; not owned.</param>
/// <param name="columns">The columns of rows that were no JSON.</param>
/// <param name="added">New columns.</param>
internal sealed class JsonTableWriter(TextWriter writer, IReadOnlyList<string> columns,
    IReadOnlyList<AddedColumn> added) : TableWriter
{
    // Readable: what is no part of ASCII stays as it is.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public override void Write(TableRow row, IReadOnlyList<string[]> texts)
    {
        using var line = new MemoryStream();
        using (var json = new Utf8JsonWriter(line, Options))
        {
            json.WriteStartObject();
            WriteOwn(json, row);
            for (int i = 0; i < added.Count; i++)
                WriteAdded(json, added[i], texts[i]);
            json.WriteEndObject();
        }
        writer.Write(Encoding.UTF8.GetString(line.GetBuffer().AsSpan(0, (int)line.Length)));
        writer.Write('\n');
    }

    public override void Flush() => writer.Flush();

    private void WriteOwn(Utf8JsonWriter json, TableRow row)
    {
        if (row.Json is { } own)
        {
            foreach (JsonProperty property in own.EnumerateObject().Where(property => IsKept(property.Name)))
                property.WriteTo(json);
            return;
        }
        for (int i = 0; i < columns.Count; i++)
        {
            if (IsKept(columns[i]))
                json.WriteString(columns[i], row.Values[i]);
        }
    }

    private static void WriteAdded(Utf8JsonWriter json, AddedColumn column, string[] texts)
    {
        if (column.Count == 1)
        {
            json.WriteString(column.Name, texts[0]);
            return;
        }
        json.WriteStartArray(column.Name);
        foreach (string text in texts)
            json.WriteStringValue(text);
        json.WriteEndArray();
    }

    private bool IsKept(string name) => added.All(column => column.Name != name);
}
