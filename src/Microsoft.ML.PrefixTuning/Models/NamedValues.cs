using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// An identity as a list of names and values: two things are the same if their lists are. Immutable. What has its
/// neutral value is left out, so that a name that comes later changes no list of before.
/// </summary>
internal sealed class NamedValues : IReadOnlyCollection<KeyValuePair<string, string>>
{
    private const string Separator = ": ";

    private const int LongestShown = 200;

    private readonly KeyValuePair<string, string>[] _values;
    private readonly Dictionary<string, string> _byName = new(StringComparer.Ordinal);

    /// <summary>A list without what is neutral in it.</summary>
    /// <param name="values">In their order; each name once.</param>
    /// <exception cref="FormatException">A name comes twice or is empty, or a text does not fit on a line.</exception>
    public NamedValues(IEnumerable<NamedValue> values)
    {
        _values =
        [
            .. values.Where(one => one.Value is not null).Select(one => KeyValuePair.Create(one.Name, one.Value!)),
        ];
        foreach ((string name, string value) in _values)
        {
            bool fits = name.Length > 0 && !name.Contains(Separator, StringComparison.Ordinal)
                && !$"{name}{value}".Contains('\n');
            if (!fits || !_byName.TryAdd(name, value))
            {
                throw new FormatException("expected each name once and on one line with its value, found "
                    + $"'{Shown(name + Separator + value)}'");
            }
        }
    }

    public int Count => _values.Length;

    /// <summary>A value, or null where the list has no such name.</summary>
    public string? this[string name] => _byName.GetValueOrDefault(name);

    /// <summary>Reads a canonical text.</summary>
    /// <exception cref="FormatException">
    /// A line is not of the form <c>name: value</c>, or a name comes twice.
    /// </exception>
    public static NamedValues Parse(string text) =>
        new(text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(ParseLine));

    /// <summary>
    /// The first name whose values differ, with both, and the other names; null where the lists are equal.
    /// </summary>
    /// <param name="other">The other list.</param>
    /// <param name="mine">What the values of this list are called.</param>
    /// <param name="others">What those of the other list are called.</param>
    public string? Difference(NamedValues other, string mine = "expected", string others = "found")
    {
        IEnumerable<string> all = this.Concat(other).Select(pair => pair.Key).Distinct();
        string[] names = [.. all.Where(name => this[name] != other[name])];
        if (names is not [var first, .. var rest])
            return null;
        string more = rest.Length == 0 ? "" : $" (and {string.Join(", ", rest)})";
        return $"{first}: {mine} {Shown(this[first])}, {others} {Shown(other[first])}{more}";
    }

    /// <summary>The canonical text: a line <c>name: value</c> each.</summary>
    public override string ToString() => string.Concat(_values.Select(pair => $"{pair.Key}{Separator}{pair.Value}\n"));

    public IEnumerator<KeyValuePair<string, string>> GetEnumerator() => _values.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static NamedValue ParseLine(string line)
    {
        int at = line.IndexOf(Separator, StringComparison.Ordinal);
        return at > 0 ? new NamedValue(line[..at], line[(at + Separator.Length)..])
            : throw new FormatException($"expected lines of the form 'name{Separator}value', found '{Shown(line)}'");
    }

    private static string Shown(string? value) => value switch
    {
        null => "nothing",
        { Length: > LongestShown } => value[..LongestShown] + "...",
        _ => value,
    };
}

/// <summary>A value under its name, as a text that does not depend on the culture.</summary>
/// <param name="Name">The name.</param>
/// <param name="Value">The text; null where the value is neutral and left out.</param>
internal readonly record struct NamedValue(string Name, string? Value)
{
    /// <summary>A text; none is neutral.</summary>
    public static NamedValue Named(string name, string? value) => new(name, value);

    /// <summary>A whole number.</summary>
    public static NamedValue Number(string name, long value) => new(name, value.ToString(CultureInfo.InvariantCulture));

    /// <summary>A whole number; none is neutral.</summary>
    public static NamedValue NumberIfAny(string name, long? value) =>
        value is long given ? Number(name, given) : default;

    /// <summary>A number; none is neutral.</summary>
    public static NamedValue NumberIfAny(string name, double? value) =>
        value is double given ? Number(name, given) : default;

    /// <summary>A number in the shortest form that reads back as the same one.</summary>
    public static NamedValue Number(string name, double value) =>
        new(name, value.ToString("R", CultureInfo.InvariantCulture));

    /// <summary>A number that is left out where it is the neutral one.</summary>
    public static NamedValue Unless(long neutral, string name, long value) =>
        value == neutral ? default : Number(name, value);

    /// <inheritdoc cref="Unless(long, string, long)"/>
    public static NamedValue Unless(double neutral, string name, double value) =>
        value.Equals(neutral) ? default : Number(name, value);

    /// <summary>A flag that is left out where it is not set.</summary>
    public static NamedValue If(bool value, string name) => new(name, value ? "yes" : null);

    /// <summary>Values whose names stand below another one.</summary>
    public static IEnumerable<NamedValue> Under(string prefix, IEnumerable<NamedValue> values) =>
        values.Select(one => one with { Name = prefix + one.Name });
}
