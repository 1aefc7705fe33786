using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using System.Reflection;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>
/// The members of an option record as options of a command, made from the record itself: what the library can do, the
/// command can. Members that no line can say (callbacks, nested records) are left to others.
/// </summary>
internal sealed class MemberOptions
{
    private readonly List<PropertyOption> _options = [];

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="defaults">The record with all members at their defaults.</param>
    /// <param name="place">Where the record stands among the options that the library checks; empty for none.</param>
    /// <param name="names">How they are called.</param>
    /// <param name="without">Members that the command decides about itself.</param>
    public MemberOptions(Verb command, object defaults, string place, OptionNames names,
        IReadOnlyCollection<string>? without = null)
    {
        foreach (PropertyInfo member in OptionMembers.Of(defaults.GetType()))
        {
            if (without?.Contains(member.Name) == true)
                continue;
            string name = names.Of(member.Name, name => command.Options.Any(option => option.Name == name));
            if (PropertyOption.Make(member, name, member.GetValue(defaults)) is not { } made)
                continue;
            _options.Add(made);
            command.Options.Add(made.Symbol);
            command.Words.Add(place.Length == 0 ? member.Name : $"{place}.{member.Name}", name, member);
            AddValues(command.Words, member, name);
        }
    }

    // Values that have names, alone and with the option.
    private static void AddValues(OptionWords words, PropertyInfo member, string name)
    {
        Type item = OptionText.ItemOf(member);
        Type type = Nullable.GetUnderlyingType(item) ?? item;
        if (!type.IsEnum)
            return;
        foreach (string value in Enum.GetNames(type))
        {
            words.AddKind(OptionText.Kebab(value));
            words.Add($"{type.Name}.{value}", $"{name} {OptionText.Kebab(value)}");
        }
    }

    /// <summary>Whether the command line says any of them.</summary>
    public bool IsAnyGiven(ParseResult parsed) => Given(parsed).Any();

    /// <summary>Those options that the command line says, by name.</summary>
    public IEnumerable<string> Given(ParseResult parsed) =>
        _options.Where(option => option.IsGiven(parsed)).Select(option => option.Symbol.Name);

    /// <summary>A copy of a record in which what the command line says has taken the place of what was there.</summary>
    public object Read(ParseResult parsed, object start) => OptionMembers.With(start, _options
        .Where(option => option.IsGiven(parsed))
        .Select(option => (option.Property, (object?)option.Read(parsed))));
}
