using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Parquet;
using Parquet.Schema;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>
/// Columns with types. Until all rows are there, a row is a JSON object; what was read keeps its kind where its table
/// says it, all else is text.
/// </summary>
/// <param name="layout">Where columns stand.</param>
/// <param name="kinds">What the columns hold that were read.</param>
internal sealed class ParquetTableWriter(FieldLayout layout, IReadOnlyList<ColumnKind> kinds) : TableWriter
{
    // What is in memory at once; a reader gets as much.
    private const int GroupRows = 1 << 16;

    private readonly string[] _header = [.. TableColumns.Named(layout.Header)];

    public override bool IsText => false;

    public override string Row(TableRow row, IReadOnlyList<string[]> texts)
    {
        row.CheckColumns(layout.New);
        Dictionary<string, string> made = layout.New.Zip(texts.SelectMany(text => text))
            .ToDictionary(one => one.First, one => JsonText.Quote(one.Second));
        // What was read goes by its place: a column without a name gets one only here.
        IEnumerable<string> fields = layout.Header.Select((name, place) => $"{JsonText.Quote(_header[place])}:"
            + (made.GetValueOrDefault(name) ?? (place < layout.Kept.Count ? row.JsonOrNull(layout.Kept[place]) : null)
                ?? "null"));
        return $"{{{string.Join(',', fields)}}}\n";
    }

    public override void WriteAll(Stream stream, IEnumerable<string> rows) => WriteAsync(stream, rows).GetAwaiter()
        .GetResult();

    /// <summary>Writes the rows of several such files as one.</summary>
    public void Join(Stream stream, IEnumerable<string> parts) => WriteAll(stream, parts.SelectMany(Rows));

    /// <summary>One that writes what a file of such a table has.</summary>
    public static ParquetTableWriter Like(string path)
    {
        using var part = new ParquetReading(path, Path.GetFileName(path));
        return new ParquetTableWriter(new FieldLayout(part.Columns, []), part.Kinds);
    }

    private IEnumerable<string> Rows(string path)
    {
        using var part = new ParquetReading(path, Path.GetFileName(path));
        while (part.Read() is { } row)
            yield return Row(row, []);
    }

    private async Task WriteAsync(Stream stream, IEnumerable<string> rows)
    {
        ColumnKind[] all = [.. layout.Header.Select(KindOf)];
        DataField[] fields = [.. _header.Zip(all, (name, kind) =>
            new DataField(name, ParquetKinds.Types[(int)kind], isNullable: true))];
        await using ParquetWriter writer = await ParquetWriter.CreateAsync(new ParquetSchema(fields), stream);
        foreach (string[] group in rows.Chunk(GroupRows))
        {
            JsonElement[] objects = Array.ConvertAll(group, Parse);
            using ParquetRowGroupWriter target = writer.CreateRowGroup();
            for (int i = 0; i < fields.Length; i++)
            {
                JsonElement[] values = Array.ConvertAll(objects, one => one.GetProperty(_header[i]));
                await WriteColumn(target, fields[i], all[i], values);
            }
        }
    }

    private ColumnKind KindOf(string name, int place) =>
        layout.New.Contains(name) ? ColumnKind.Text : kinds[layout.Kept[place]];

    private static JsonElement Parse(string row)
    {
        using JsonDocument document = JsonDocument.Parse(row);
        return document.RootElement.Clone();
    }

    private static Task WriteColumn(ParquetRowGroupWriter group, DataField field, ColumnKind kind, JsonElement[] values)
    {
        return kind switch
        {
            ColumnKind.Truth => Write(value => value.GetBoolean()),
            ColumnKind.Int => Write(value => value.GetInt32()),
            ColumnKind.Long => Write(value => value.GetInt64()),
            ColumnKind.Float => Write(value => float.Parse(Text(value)!, CultureInfo.InvariantCulture)),
            ColumnKind.Double => Write(value => double.Parse(Text(value)!, CultureInfo.InvariantCulture)),
            _ => Now(group.WriteAsync(field, Array.ConvertAll(values, Text)!)),
        };

        Task Write<T>(Func<JsonElement, T> read)
            where T : struct =>
            Now(group.WriteAsync<T>(field, Array.ConvertAll(values,
                value => value.ValueKind == JsonValueKind.Null ? (T?)null : read(value)).AsMemory()));
    }

    private static string? Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.String => JsonText.Of(value),
        _ => JsonText.OneLine(value),
    };

    private static Task Now(ValueTask task) => task.AsTask();

    private static Task Now(Task task) => task;
}
