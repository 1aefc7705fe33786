using System;
using System.Globalization;
using System.Text.Json;

namespace Microsoft.ML.PrefixTuning.Tool.Serving;

/// <summary>Values of a JSON object by name; null is as if it were not there.</summary>
/// <param name="body">The object.</param>
/// <param name="place">Stands before names in messages.</param>
internal sealed class FieldReader(JsonElement body, string place = "")
{
    /// <summary>A field that is there and not null.</summary>
    public JsonElement? Find(string name) =>
        body.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>Whether a field is there and not null.</summary>
    public bool Has(string name) => Find(name) is not null;

    /// <summary>A string, or null.</summary>
    /// <exception cref="ApiException">It is another value.</exception>
    public string? Text(string name) => Find(name) is { } value ? Text(value, place + name) : null;

    /// <summary>A value that must be a string.</summary>
    /// <exception cref="ApiException">It is another one.</exception>
    public static string Text(JsonElement value, string name)
    {
        if (value.ValueKind != JsonValueKind.String)
            throw Wrong(name, "a string", value);
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new ApiException(400,
                $"{name}: expected a text, found half of a surrogate pair or of a character in it.", name);
        }
    }

    /// <summary>A boolean, false where there is none.</summary>
    /// <exception cref="ApiException">It is another value.</exception>
    public bool Flag(string name) => Find(name) is { } value && value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(place + name, "true or false", value),
    };

    /// <summary>A number, or null.</summary>
    /// <exception cref="ApiException">It is another value.</exception>
    public double? Number(string name)
    {
        if (Find(name) is not { } value)
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number)
            && double.IsFinite((float)number) ? number : throw Wrong(place + name, "a number", value);
    }

    /// <summary>Whether a number is 0 as it is written, and not for being nearer to it than any double is.</summary>
    public static bool IsZero(JsonElement number)
    {
        ReadOnlySpan<char> text = number.GetRawText();
        int exponent = text.IndexOfAny('e', 'E');
        return !(exponent < 0 ? text : text[..exponent]).ContainsAnyInRange('1', '9');
    }

    /// <summary>A whole number, or null.</summary>
    /// <exception cref="ApiException">It is another value.</exception>
    public int? Whole(string name, int least = int.MinValue, int most = int.MaxValue)
    {
        if (Find(name) is not { } value)
            return null;
        string range = least == int.MinValue ? "a whole number of 32 bits"
            : string.Create(CultureInfo.InvariantCulture, $"{least} to {most}");
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= least
            && number <= most ? number : throw Wrong(place + name, range, value);
    }

    /// <summary>A field that must be there and is not.</summary>
    public ApiException Missing(string name, string expected) =>
        new(400, $"{place}{name}: expected {expected}, found nothing.", place + name, "missing_field");

    /// <summary>A field of another kind than it should be.</summary>
    public static ApiException Wrong(string name, string expected, JsonElement found) =>
        new(400, $"{name}: expected {expected}, found {RequestFields.Kind(found)}.", name);
}
