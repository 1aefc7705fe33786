using System;
using System.Collections.Generic;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Microsoft.ML.PrefixTuning.Files;

/// <summary>
/// A value of a JSON file that knows where it stands: read as what is expected, or refused by file and field.
/// </summary>
/// <param name="Element">The value.</param>
/// <param name="File">File for messages.</param>
/// <param name="Path">Where in the file it stands, such as <c>model.type</c>.</param>
internal readonly record struct JsonSection(JsonElement Element, string File, string Path)
{
    /// <summary>Reads a file that holds one JSON object.</summary>
    /// <exception cref="FormatException">
    /// It holds something else, is nested deeper than 64, or has a key twice.
    /// </exception>
    public static JsonSection Read(string path) =>
        Parse(System.IO.File.ReadAllBytes(path), System.IO.Path.GetFileName(path));

    /// <summary>Parses the bytes of such a file; a byte order mark is passed over.</summary>
    /// <inheritdoc cref="Read"/>
    public static JsonSection Parse(ReadOnlySpan<byte> json, string file)
    {
        ReadOnlySpan<byte> mark = Encoding.UTF8.Preamble;
        if (json.StartsWith(mark))
            json = json[mark.Length..];
        if (!Utf8.IsValid(json))
            throw new FormatException($"{file}: expected JSON in UTF-8, found bytes that are not UTF-8.");
        try
        {
            JsonElement root = JsonElement.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return root.ValueKind == JsonValueKind.Object ? new(root, file, "")
                : throw new FormatException(
                    $"{file}: expected a JSON object, found {FileText.Quote(root.GetRawText())}.");
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // The latter where a key has an escape of half a surrogate pair.
            throw new FormatException($"{file}: expected JSON, found something else: "
                + $"{FileText.Quote(JsonFault.Text(fault))}.{FileHint.For(json)}", fault);
        }
    }

    /// <summary>The value under a key; null where it is absent or null.</summary>
    public JsonSection? Find(string key)
    {
        if (Element.ValueKind != JsonValueKind.Object)
            throw Wrong("an object");
        return Element.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null
            ? new JsonSection(value, File, PathOf(key)) : null;
    }

    /// <summary>The value under a key that must be there.</summary>
    public JsonSection Need(string key) =>
        Find(key) ?? throw new FormatException($"{File}: '{PathOf(key)}' is missing.");

    /// <summary>Where in the file a key of this value stands.</summary>
    public string PathOf(string key) => Path.Length == 0 ? key : $"{Path}.{key}";

    /// <summary>The text under a key; null where it is absent.</summary>
    public string? TextOf(string key) => Find(key)?.Text();

    /// <summary>True or false under a key.</summary>
    public bool FlagOf(string key, bool otherwise) => Find(key)?.Flag() ?? otherwise;

    /// <summary>This value as a text.</summary>
    public string Text()
    {
        try
        {
            return Element.ValueKind == JsonValueKind.String ? Element.GetString()! : throw Wrong("a text");
        }
        catch (InvalidOperationException)
        {
            throw new FormatException($"{File}: '{Path}': expected a text, found an escape of half a surrogate pair.");
        }
    }

    /// <summary>This value as true or false.</summary>
    public bool Flag() => Element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong("true or false"),
    };

    /// <summary>This value as a whole number.</summary>
    public long Whole() =>
        Element.ValueKind == JsonValueKind.Number && Element.TryGetInt64(out long value) ? value
            : throw Wrong("a whole number");

    /// <summary>This value as a finite number.</summary>
    public double Number() =>
        Element.ValueKind == JsonValueKind.Number && Element.TryGetDouble(out double value)
            && double.IsFinite(value) ? value
        : throw Wrong("a finite number");

    /// <summary>The items of a list.</summary>
    public IEnumerable<JsonSection> Items()
    {
        if (Element.ValueKind != JsonValueKind.Array)
            throw Wrong("a list");
        int index = 0;
        foreach (JsonElement item in Element.EnumerateArray())
            yield return new JsonSection(item, File, $"{Path}[{index++}]");
    }

    /// <summary>The keys and values of an object.</summary>
    public IEnumerable<(string Key, JsonSection Value)> Fields()
    {
        if (Element.ValueKind != JsonValueKind.Object)
            throw Wrong("an object");
        foreach (JsonProperty field in Element.EnumerateObject())
        {
            string name = field.Name;
            yield return (name, new JsonSection(field.Value, File, PathOf(name)));
        }
    }

    /// <summary>The error for a value that is no good.</summary>
    public FormatException Wrong(string expected) =>
        new($"{File}: {Field}: expected {expected}, found {Found}.");

    /// <summary>The error for a value that this version does not read.</summary>
    public NotSupportedException Unsupported(string supported) =>
        new($"{File}: {Field}: found {Found}, supported is {supported}.");

    private string Field => Path.Length == 0 ? "the file" : FileText.Quote(Path);

    // As it stands in the file, control characters escaped and cut.
    private string Found => FileText.Quote(Element.GetRawText())[1..^1];
}
