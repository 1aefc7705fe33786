using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.RegularExpressions;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>Values of options as they are written on a command line.</summary>
internal static partial class OptionText
{
    /// <summary>A name as options are written: <c>MaxNewTokens</c> becomes <c>max-new-tokens</c>.</summary>
    public static string Kebab(string name) => WordBegin().Replace(name, "-").ToLowerInvariant();

    /// <summary>Whether a type can be written as one text.</summary>
    public static bool IsKnown(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        return type == typeof(int) || type == typeof(double) || type == typeof(string) || type.IsEnum;
    }

    /// <summary>What stands for a value in a command's help.</summary>
    public static string Placeholder(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type.IsEnum)
            return string.Join('|', Enum.GetNames(type).Select(Kebab));
        return type == typeof(string) ? "text" : "number";
    }

    /// <summary>A value as text.</summary>
    public static string Show(object value) =>
        value is Enum ? Kebab(value.ToString()!) : Convert.ToString(value, CultureInfo.InvariantCulture)!;

    /// <summary>A text as a value.</summary>
    /// <param name="type">A type that <see cref="IsKnown"/>.</param>
    /// <param name="text">The text.</param>
    /// <exception cref="FormatException">The text is no such value.</exception>
    public static object Parse(Type type, string text)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string))
            return text;
        if (type.IsEnum)
        {
            string? name = Enum.GetNames(type)
                .FirstOrDefault(name => string.Equals(Kebab(name), text, StringComparison.OrdinalIgnoreCase));
            return name is not null ? Enum.Parse(type, name)
                : throw Wrong(string.Join(", ", Enum.GetNames(type).Select(Kebab)), text);
        }
        if (type == typeof(int))
            return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int whole)
                ? whole : throw Wrong("a whole number", text);
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double real) ? real
            : throw Wrong("a number", text);
    }

    /// <summary>Splits <c>kind:rest</c>.</summary>
    public static (string Kind, string? Value) Split(string text)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? (text, null) : (text[..colon], text[(colon + 1)..]);
    }

    /// <summary>A list of enumeration values or of texts, typed for its property.</summary>
    public static object ParseList(Type item, IEnumerable<string> texts)
    {
        object[] values = [.. texts.Select(text => Parse(item, text))];
        var list = Array.CreateInstance(item, values.Length);
        values.CopyTo(list, 0);
        return list;
    }

    private static FormatException Wrong(string expected, string found) =>
        new($"expected {expected}, found '{found}'.");

    // Between a small letter or a figure and a capital.
    [GeneratedRegex("(?<=[a-z0-9])(?=[A-Z])")]
    private static partial Regex WordBegin();
}
