using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Reflection;
using System.Text.RegularExpressions;

namespace Microsoft.ML.PrefixTuning.Options;

/// <summary>Values of options as a command line or a configuration has them.</summary>
internal static partial class OptionText
{
    // Strings that are names of something and no words for a model end so.
    private static readonly string[] NameEndings = ["ColumnName", "File", "Folder", "Device"];

    /// <summary>A name as options are written: <c>MaxNewTokens</c> becomes <c>max-new-tokens</c>.</summary>
    public static string Kebab(string name) => WordBegin().Replace(name, "-").ToLowerInvariant();

    /// <summary>Whether a type can be written as one text.</summary>
    public static bool IsKnown(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        return type == typeof(int) || type == typeof(double) || type == typeof(bool) || type == typeof(string)
            || type.IsEnum;
    }

    /// <summary>Whether values of a type may hold any character.</summary>
    public static bool IsOpen(Type type) => type == typeof(string) || type == typeof(Prefix);

    /// <summary>
    /// Whether a member holds words for a model or from one, and not the name of a column, a file or a device.
    /// </summary>
    public static bool IsText(PropertyInfo member) => ItemOf(member) == typeof(string) && EndingOf(member) is null;

    /// <summary>What stands for a value in a command's help.</summary>
    public static string Placeholder(PropertyInfo member)
    {
        Type type = ItemOf(member);
        if (type.IsEnum)
            return string.Join('|', Enum.GetNames(type).Select(Kebab));
        if (type != typeof(string))
            return "number";
        return EndingOf(member) is { } ending ? Kebab(ending).Split('-')[0] : "text";
    }

    /// <summary>A value as text.</summary>
    public static string Show(object value) =>
        value is Enum ? Kebab(value.ToString()!) : Convert.ToString(value, CultureInfo.InvariantCulture)!;

    /// <summary>A text as a value, or as one of a list of values.</summary>
    /// <param name="member">A member of a type that <see cref="IsKnown"/>, a list of such, or a prefix.</param>
    /// <param name="text">The text.</param>
    /// <exception cref="FormatException">The text is no such value.</exception>
    public static object Parse(PropertyInfo member, string text)
    {
        Type type = ItemOf(member);
        if (type == typeof(Prefix))
            return Prefix.Load(text);
        if (type == typeof(string))
            return text;
        if (type.IsEnum)
            return ParseName(type, text);
        if (type == typeof(bool))
            return bool.TryParse(text, out bool flag) ? flag : throw Wrong("true or false", text);
        if (type == typeof(int))
        {
            return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int whole)
                ? whole : throw Wrong("a whole number", text);
        }
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double real)
            ? real : throw Wrong("a number", text);
    }

    /// <summary>Texts as the list that a member takes.</summary>
    public static object ParseList(PropertyInfo member, IEnumerable<string> texts)
    {
        object[] values = [.. texts.Select(text => Parse(member, text))];
        var list = Array.CreateInstance(ItemOf(member), values.Length);
        values.CopyTo(list, 0);
        return list;
    }

    /// <summary>The type of a member, or of the values in its list.</summary>
    public static Type ItemOf(PropertyInfo member)
    {
        Type type = IsList(member) ? member.PropertyType.GenericTypeArguments[0] : member.PropertyType;
        return Nullable.GetUnderlyingType(type) ?? type;
    }

    /// <summary>Whether a member takes several values.</summary>
    public static bool IsList(PropertyInfo member) => member.PropertyType is { IsGenericType: true } type
        && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>);

    private static object ParseName(Type type, string text)
    {
        string[] names = Enum.GetNames(type);
        string? name = names.FirstOrDefault(name => Kebab(name).Equals(text, StringComparison.OrdinalIgnoreCase)
            || name.Equals(text, StringComparison.OrdinalIgnoreCase));
        return name is not null ? Enum.Parse(type, name) : throw Wrong(string.Join(", ", names.Select(Kebab)), text);
    }

    private static string? EndingOf(PropertyInfo member) =>
        Array.Find(NameEndings, ending => member.Name.EndsWith(ending, StringComparison.Ordinal));

    private static FormatException Wrong(string expected, string found) =>
        new($"expected {expected}, found '{found}'.");

    // Between a small letter or a figure and a capital.
    [GeneratedRegex("(?<=[a-z0-9])(?=[A-Z])")]
    private static partial Regex WordBegin();
}
