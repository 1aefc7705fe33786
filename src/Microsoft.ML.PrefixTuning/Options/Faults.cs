using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Linq;

namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// Gathers the faults of options, so that one exception names every property to be mended. A record of options checks
/// its own members; what concerns two records is checked by the one that holds both.
/// </summary>
internal sealed class Faults
{
    private readonly List<string> _found;
    private readonly string _place;

    private Faults(List<string> found, string place) => (_found, _place) = (found, place);

    /// <summary>Throws what the check of a record of options finds, a line each; names start at that record.</summary>
    /// <exception cref="ArgumentException">It finds at least one.</exception>
    public static void Throw(Action<Faults> check)
    {
        if (Of(check) is { Count: > 0 } found)
            throw new ArgumentException(string.Join(Environment.NewLine, found), "options");
    }

    /// <summary>What the check of a record of options finds.</summary>
    public static IReadOnlyList<string> Of(Action<Faults> check)
    {
        var faults = new Faults([], "");
        check(faults);
        return faults._found;
    }

    /// <summary>The same faults, for the members of a member.</summary>
    public Faults Under(string name) => new(_found, $"{_place}{name}.");

    /// <summary>A value of a plain text form that must hold.</summary>
    /// <param name="good">Whether it does.</param>
    /// <param name="name">The property.</param>
    /// <param name="expected">What the property should be.</param>
    /// <param name="found">What it is.</param>
    public void That(bool good, string name, string expected, object found)
    {
        if (!good)
        {
            _found.Add(string.Create(CultureInfo.InvariantCulture,
                $"{_place}{name}: expected {expected}, found {found}."));
        }
    }

    /// <summary>Whether there is a value at all.</summary>
    public bool Given([NotNullWhen(true)] object? value, string name)
    {
        That(value is not null, name, "a value", "null");
        return value is not null;
    }

    public void AtLeast(int least, int value, string name) => That(value >= least, name, $"{least} or more", value);

    /// <summary>At least a number, and at most one that <see cref="OptionBounds"/> has.</summary>
    public void Within(int least, int most, int value, string name)
    {
        AtLeast(least, value, name);
        That(value <= most, name, string.Create(CultureInfo.InvariantCulture, $"at most {most:N0}"), value);
    }

    public void Above(double bound, double value, string name) =>
        That(double.IsFinite(value) && value > bound, name, $"a number above {bound}", value);

    /// <summary>What scores may be divided by: beyond this range they leave that of float32.</summary>
    public void Temperature(double value, string name) =>
        That(value is >= 0.001 and <= 1000, name, "0.001 to 1000", value);

    /// <summary>Finite, 0 or more.</summary>
    public void NotNegative(double value, string name) =>
        That(double.IsFinite(value) && value >= 0, name, "0 or more", value);

    /// <summary>In [0, 1).</summary>
    public void Share(double value, string name) => That(value is >= 0 and < 1, name, "0 or more and below 1", value);

    public void Known<T>(T value, string name)
        where T : struct, Enum => That(Enum.IsDefined(value), name, $"a value of {typeof(T).Name}", value);

    /// <summary>Null, or not empty.</summary>
    public void ColumnName(string? value, string name) =>
        That(value is not "", name, "a column name, or null", "an empty text");

    /// <summary>Texts, none of them empty.</summary>
    public void Words(IReadOnlyList<string>? words, string name)
    {
        if (Given(words, name))
            That(words.All(word => !string.IsNullOrEmpty(word)), name, "no empty text in the list", "one");
    }
}
