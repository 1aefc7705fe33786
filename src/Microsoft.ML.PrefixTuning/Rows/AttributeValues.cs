using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Rows;

/// <summary>The values of an attribute column, numbered as they first come in the training rows.</summary>
/// <param name="column">The column, for messages.</param>
internal sealed class AttributeValues(string column)
{
    private const int ShownValues = 10;

    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly List<string> _values = [];

    /// <summary>The values; place i has number i.</summary>
    public IReadOnlyList<string> Values => _values;

    /// <summary>The number of a training row's value, which may be new.</summary>
    /// <exception cref="ArgumentException">The value is empty.</exception>
    public int Learn(InputRow row)
    {
        string value = row.Attribute!;
        if (value.Length == 0)
            throw new ArgumentException(
                $"{row.Place}, column '{column}': expected a value, found an empty text.");
        if (_numbers.TryAdd(value, _values.Count))
            _values.Add(value);
        return _numbers[value];
    }

    /// <summary>The number of a value that a training row had.</summary>
    /// <exception cref="ArgumentException">None had it.</exception>
    public int Find(InputRow row) =>
        _numbers.TryGetValue(row.Attribute!, out int number) ? number : throw Unknown(row, column, _values);

    /// <summary>Says which value is not known, and which ones are.</summary>
    public static ArgumentException Unknown(InputRow row, string column, IReadOnlyCollection<string> known)
    {
        return new ArgumentException(
            $"{row.Place}, column '{column}': expected one of {List(known)}, found"
                + $" {FileText.Quote(row.Attribute!)}.");
    }

    /// <summary>Values for a message, the first ones where there are many.</summary>
    public static string List(IReadOnlyCollection<string> known)
    {
        string shown = string.Join(", ", known.Order(StringComparer.Ordinal).Take(ShownValues).Select(FileText.Quote));
        return known.Count > ShownValues ? $"{shown} or {known.Count - ShownValues} others" : shown;
    }
}
