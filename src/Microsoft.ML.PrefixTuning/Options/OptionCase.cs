using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>One kind of an option that has several, such as a decoding or a network.</summary>
/// <typeparam name="T">What they all are.</typeparam>
/// <param name="Name">As the command line calls it.</param>
/// <param name="Default">The kind with all members at their defaults.</param>
internal sealed record OptionCase<T>(string Name, T Default)
    where T : class
{
    /// <summary>What it is on a command that gives it another meaning; null for what its record says.</summary>
    public string? Meaning { get; init; }

    /// <summary>Whether it is nothing without its first member.</summary>
    public bool NeedsValue { get; init; }

    /// <summary>What can be chosen of it, in the record's order.</summary>
    public IReadOnlyList<PropertyInfo> Members { get; } = OptionMembers.Of(Default.GetType());

    /// <summary>How it is written: <c>mlp[:WIDTH[:DEPTH[:DROPOUT]]]</c>.</summary>
    public string Form
    {
        get
        {
            string[] members = [.. Members.Select(member => $":{Word(member).ToUpperInvariant()}")];
            return NeedsValue ? Name + string.Concat(members)
                : Name + string.Concat(members.Select(member => "[" + member)) + new string(']', members.Length);
        }
    }

    /// <summary>
    /// In words, with all that was chosen: <c>beam, width 4, length penalty 1, early stopping false</c>.
    /// </summary>
    public string Describe(T value) => string.Join(", ", Members.Select(member => FormattableString.Invariant(
        $"{Word(member).Replace('-', ' ')} {OptionText.Show(member.GetValue(value)!)}")).Prepend(Name));

    /// <summary>What it is and how it is written, for a command's help.</summary>
    public string Help
    {
        get
        {
            string meaning = Meaning ?? OptionComments.Summary(Default.GetType());
            string[] defaults = [.. Members.Where(member => member.GetValue(Default) is not null).Select(member =>
                FormattableString.Invariant($"{Word(member)} {OptionText.Show(member.GetValue(Default)!)}"))];
            string shown = defaults.Length == 0 ? "" : $" ({string.Join(", ", defaults)})";
            return $"{Form}: {meaning.TrimEnd('.')}{shown}.";
        }
    }

    private static string Word(PropertyInfo member) => OptionText.Kebab(member.Name);
}

/// <summary>Option records with other values.</summary>
internal static class RecordMembers
{
    /// <summary>A copy of a record in which some members have other values.</summary>
    public static object With(object record, IEnumerable<(PropertyInfo Member, object? Value)> changes)
    {
        object copy = Activator.CreateInstance(record.GetType(), nonPublic: true)!;
        foreach (PropertyInfo member in OptionMembers.Of(record.GetType()))
            member.SetValue(copy, member.GetValue(record));
        foreach ((PropertyInfo member, object? value) in changes)
            member.SetValue(copy, value);
        return copy;
    }
}
