using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning;

/// <summary>Reads records of options from a section of a configuration, and gathers what is wrong.</summary>
internal sealed class SectionReader
{
    private const string Kind = "Kind";

    private readonly List<string> _faults = [];

    /// <summary>Records whose members stand in one section, as the section changes them.</summary>
    /// <param name="section">The section.</param>
    /// <param name="records">What it changes.</param>
    /// <param name="others">Keys that mean something to the caller.</param>
    /// <exception cref="FormatException">Something is wrong; the message has all of it.</exception>
    public IReadOnlyList<object> Read(IConfiguration section, IReadOnlyList<object> records,
        IReadOnlyList<string> others)
    {
        object[] read = [.. Members(section, records, others)];
        if (_faults.Count == 0)
            _faults.AddRange(read.SelectMany(OptionRecords.FaultsOf).Select(fault => Located(section, fault)));
        return _faults.Count == 0 ? read : throw new FormatException(string.Join(Environment.NewLine, _faults));
    }

    private IEnumerable<object> Members(IConfiguration section, IReadOnlyList<object> records,
        IReadOnlyList<string> others)
    {
        IConfigurationSection[] children = [.. section.GetChildren()];
        string[] names = [.. records.SelectMany(record => OptionMembers.Of(record.GetType()))
            .Select(member => member.Name), .. others];
        foreach (IConfigurationSection child in children.Where(child => !names.Any(name => IsNamed(child, name))))
            RefuseName(child, names);
        foreach (string name in names)
            RefuseSeveral([.. children.Where(child => IsNamed(child, name))]);
        foreach (object record in records)
        {
            yield return OptionMembers.With(record,
                from member in OptionMembers.Of(record.GetType())
                from child in children
                where IsNamed(child, member.Name)
                let value = Try(child, () => Value(child, member, member.GetValue(record)))
                where value is not null
                select (member, value.Value));
        }
    }

    /// <summary>The section under a key; null where there is none.</summary>
    /// <param name="section">Has it.</param>
    /// <param name="name">The key, in any spelling.</param>
    public static IConfigurationSection? Find(IConfiguration section, string name) =>
        section.GetChildren().FirstOrDefault(child => IsNamed(child, name));

    /// <summary>Whether a fault says that a text or a file is no good.</summary>
    public static bool IsOfValue(Exception fault) => fault is FormatException or IOException or NotSupportedException
        or UnauthorizedAccessException or ArgumentException;

    /// <summary>The value of a member; what is wrong with it becomes a fault, and no value.</summary>
    private Found? Try(IConfigurationSection place, Func<object?> read)
    {
        try
        {
            return new Found(read());
        }
        catch (Exception fault) when (IsOfValue(fault))
        {
            _faults.Add($"{place.Path}: {fault.Message}");
            return null;
        }
    }

    private object? Value(IConfigurationSection place, PropertyInfo member, object? start)
    {
        bool isSection = place.GetChildren().Any();
        // One of them would be left aside.
        if (isSection && place.Value is { Length: > 0 } value)
            throw new FormatException($"expected a value or a section, found '{value}' with keys below it.");
        if (IsNothing(place, member, isSection))
            return CanBeNull(member) ? null : throw new FormatException("expected a value, found null.");
        Type type = OptionText.ItemOf(member);
        if (OptionRecords.All.Contains(type))
            return isSection ? Members(place, [start ?? Activator.CreateInstance(type)!], []).Single()
                : throw new FormatException($"expected a section with options of {type.Name}, found '{place.Value}'.");
        if (start is Decoding decoding)
            return KindOf(place, OptionCases.Decodings, decoding);
        if (start is PrefixMethod method)
            return KindOf(place, OptionCases.Methods, method);
        if (start is Parametrization parametrization)
            return KindOf(place, OptionCases.Parametrizations, parametrization);
        if (start is PrefixStart beginning)
            return KindOf(place, OptionCases.Starts, beginning);
        if (!OptionText.IsKnown(type) && type != typeof(Prefix))
            throw new FormatException("expected nothing: no text can say it, only code.");
        if (OptionText.IsList(member))
            return OptionText.ParseList(member, Texts(place, isSection));
        return isSection ? throw new FormatException("expected a value, found a section.")
            : OptionText.Parse(member, place.Value!);
    }

    private object? KindOf<T>(IConfigurationSection place, IReadOnlyList<OptionCase<T>> cases, T start)
        where T : class
    {
        if (place.Value is { } text)
        {
            (OptionCase<T> one, var members) = OptionCases.Split(cases, text);
            return OptionMembers.With(one.Default,
                members.Select(member => (member.Member, (object?)OptionText.Parse(member.Member, member.Text))));
        }
        OptionCase<T> found = place[Kind] is { } name ? OptionCases.Named(cases, name)
            : cases.Single(one => one.Default.GetType() == start.GetType());
        return Members(place, [found.Default.GetType() == start.GetType() ? start : found.Default], [Kind]).Single();
    }

    private void RefuseName(IConfigurationSection child, string[] names)
    {
        string[] plain = [.. names.Select(Plain)];
        string meant = NearestName.Of(Plain(child.Key), plain) is { } nearest
            ? $" Did you mean '{names[Array.IndexOf(plain, nearest)]}'?" : "";
        _faults.Add($"{child.Path}: expected {string.Join(", ", names)}, found '{child.Key}'.{meant}");
    }

    /// <summary>Refuses spellings of one key: a configuration does not tell which of them goes before the others.
    /// </summary>
    private void RefuseSeveral(IConfigurationSection[] spelled)
    {
        if (spelled.Length > 1)
        {
            _faults.Add($"{spelled[0].Path}: expected one spelling of a key, found"
                + $" {string.Join(" and ", spelled.Select(one => $"'{one.Key}'"))}.");
        }
    }

    // An empty list leaves no more of itself than an empty text.
    private static IEnumerable<string> Texts(IConfigurationSection place, bool isSection) =>
        !isSection ? place.Value is { Length: > 0 } single ? [single] : []
        : place.GetChildren().Select(child =>
            child.Value ?? throw new FormatException("expected a list of texts, found a section."));

    // Variables of the environment and command lines cannot say null: they say an empty text.
    private static bool IsNothing(IConfigurationSection place, PropertyInfo member, bool isSection) => !isSection
        && (place.Value is null || (place.Value.Length == 0 && OptionText.ItemOf(member) != typeof(string)));

    private static bool CanBeNull(PropertyInfo member) =>
        new NullabilityInfoContext().Create(member).WriteState == NullabilityState.Nullable;

    private static bool IsNamed(IConfigurationSection child, string name) =>
        Plain(child.Key).Equals(Plain(name), StringComparison.Ordinal);

    private static string Plain(string name) => name.Replace("-", "", StringComparison.Ordinal).ToLowerInvariant();

    /// <summary>A fault of a checked record with the path of its key: members are parted by points there.</summary>
    private static string Located(IConfiguration section, string fault)
    {
        string[] parts = fault.Split(": ", 2);
        string path = section is IConfigurationSection { Path: var own } ? ConfigurationPath.Combine(own, "") : "";
        return $"{path}{parts[0].Replace(".", ConfigurationPath.KeyDelimiter, StringComparison.Ordinal)}: {parts[1]}";
    }

    private sealed record Found(object? Value);
}
