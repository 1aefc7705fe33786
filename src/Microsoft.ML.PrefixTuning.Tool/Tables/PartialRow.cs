using System;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>A line of a file of partial rows.</summary>
/// <param name="Source">A hash of the row that was read.</param>
/// <param name="Text">What was made of it.</param>
internal sealed record PartialRow(string Source, string Text)
{
    private const string SignatureName = "partialTableOf", SourceName = "source", TextName = "row";
    private const int HashDigits = 16;

    /// <summary>The row as a line of its file.</summary>
    public string Line => $"{{\"{SourceName}\":{JsonText.Quote(Source)},\"{TextName}\":{JsonText.Quote(Text)}}}\n";

    /// <summary>The file's first line.</summary>
    public static string Head(string signature) => $"{{\"{SignatureName}\":{JsonText.Quote(signature)}}}\n";

    /// <summary>Whether a line is the first one of some such file.</summary>
    public static bool IsHead(string line) => TextOf(line, SignatureName) is not null;

    /// <summary>Reads a line; null where it is none of these.</summary>
    public static PartialRow? Parse(string? line) =>
        line is not null && TextOf(line, SourceName) is { } source && TextOf(line, TextName) is { } text
            ? new PartialRow(source, text) : null;

    /// <summary>A hash of all that a row has.</summary>
    public static string HashOf(TableRow row)
    {
        string all =
            string.Join(',', row.Properties.Select(property => $"{JsonText.Quote(property.Name)}:{property.Json}"));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(all)))[..HashDigits];
    }

    private static string? TextOf(string line, string name)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind == JsonValueKind.Object
                && json.RootElement.TryGetProperty(name, out JsonElement value)
                && value.ValueKind == JsonValueKind.String ? JsonText.Of(value) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
