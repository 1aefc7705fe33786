using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>A row that is a JSON object. What a value is good for shows when it is asked for, not before.</summary>
internal sealed class JsonRow : TableRow
{
    private readonly (string Name, JsonElement Value)[] _properties;
    private readonly Dictionary<string, JsonElement> _values = [];

    /// <param name="place">Its file and line, for messages.</param>
    /// <param name="columns">The table's columns; null for the properties of this row.</param>
    /// <param name="json">The object.</param>
    /// <exception cref="FormatException">A property is there twice.</exception>
    public JsonRow(string place, IReadOnlyList<string>? columns, JsonElement json)
        : this(place, columns,
            [.. json.EnumerateObject().Select(property => (JsonText.NameOf(property), property.Value))])
    {
    }

    private JsonRow(string place, IReadOnlyList<string>? columns, (string Name, JsonElement Value)[] properties)
        : base(place, columns ?? [.. properties.Select(property => property.Name)])
    {
        _properties = properties;
        foreach ((string name, JsonElement value) in properties)
        {
            if (!_values.TryAdd(name, value))
                throw new FormatException($"{place}: the property '{name}' is there twice.");
        }
    }

    public override IEnumerable<(string Name, string Json)> Properties =>
        _properties.Select(property => (property.Name, JsonText.OneLine(property.Value)));

    public override string? TextOrNull(int column) => _values.TryGetValue(Columns[column], out JsonElement value)
        ? Plain(value) ?? throw Expected(column, "a text", Kind(value)) : null;

    public override IReadOnlyList<string> Texts(int column) =>
        _values.TryGetValue(Columns[column], out JsonElement value) && value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select((item, place) => Item(column, item, place))]
            : [Text(column)];

    public override string? JsonOrNull(int column) =>
        _values.TryGetValue(Columns[column], out JsonElement value) ? JsonText.OneLine(value) : null;

    public override string Field(int column) => _values.TryGetValue(Columns[column], out JsonElement value)
        ? Plain(value) ?? JsonText.OneLine(value) : "";

    /// <summary>Refuses properties that are no columns, for a table that has no place for them.</summary>
    public override void CheckColumns(IReadOnlyList<string> replaced)
    {
        if (_properties.Select(property => property.Name).Except(Columns).Except(replaced).FirstOrDefault()
            is { } name)
        {
            throw new FormatException($"{Place}: expected the properties of the first row, found '{name}' too, "
                + "for which a table of fields has no column; JSON lines have one (jsonl).");
        }
    }

    private string Item(int column, JsonElement item, int place) => item.ValueKind == JsonValueKind.String
        ? JsonText.Of(item) : throw Expected(column, "texts", $"{Kind(item)} as number {place + 1} of an array");

    private static string? Plain(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => JsonText.Of(value),
        JsonValueKind.Null => "",
        JsonValueKind.Array or JsonValueKind.Object => null,
        _ => value.GetRawText(),
    };

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => "an array",
        JsonValueKind.Object => "an object",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "true or false",
    };
}
