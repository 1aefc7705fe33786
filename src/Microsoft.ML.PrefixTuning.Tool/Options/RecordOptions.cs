using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using System.Reflection;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>
/// The properties of an option record as options of a command, made from the record itself: what the library can do,
/// the command can. Properties that are no plain values (callbacks, nested records) are left to others.
/// </summary>
/// <typeparam name="T">The record.</typeparam>
internal sealed class RecordOptions<T>
    where T : class, new()
{
    private readonly List<PropertyOption> _options = [];

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="prefix">Stands in front of every name, such as <c>prefix-</c>.</param>
    /// <param name="fallback">Stands in front of names that the command already has.</param>
    /// <param name="names">Names that are not made from the property's.</param>
    /// <param name="without">Properties that the command decides about itself.</param>
    public RecordOptions(Verb command, string prefix = "", string fallback = "",
        IReadOnlyDictionary<string, string>? names = null, IReadOnlyCollection<string>? without = null)
    {
        var defaults = new T();
        foreach (PropertyInfo property in Properties.Where(property => without?.Contains(property.Name) != true))
        {
            string name = "--" + prefix + (names?.GetValueOrDefault(property.Name) ?? NameOf(property));
            if (command.Options.Any(option => option.Name == name))
                name = "--" + fallback + name[2..];
            if (PropertyOption.Make(property, name, property.GetValue(defaults)) is not { } made)
                continue;
            _options.Add(made);
            command.Options.Add(made.Symbol);
        }
    }

    /// <summary>The properties that have an option.</summary>
    public IEnumerable<string> Names => _options.Select(option => option.Property.Name);

    private static IEnumerable<PropertyInfo> Properties =>
        typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(property => property.CanWrite).OrderBy(property => property.MetadataToken);

    /// <summary>Whether the command line says any of them.</summary>
    public bool IsAnyGiven(ParseResult parsed) => _options.Any(option => option.IsGiven(parsed));

    /// <summary>A copy of a record in which what the command line says has taken the place of what was there.</summary>
    public T Read(ParseResult parsed, T start)
    {
        var read = new T();
        foreach (PropertyInfo property in Properties)
            property.SetValue(read, property.GetValue(start));
        foreach (PropertyOption option in _options.Where(option => option.IsGiven(parsed)))
            option.Property.SetValue(read, option.Read(parsed));
        return read;
    }

    private static string NameOf(PropertyInfo property)
    {
        const string column = "ColumnName";
        string name = property.Name.EndsWith(column, StringComparison.Ordinal) ? property.Name[..^"Name".Length]
            : property.Name;
        return OptionText.Kebab(name);
    }
}
