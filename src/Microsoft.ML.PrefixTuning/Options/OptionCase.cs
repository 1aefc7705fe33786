using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;

namespace Microsoft.ML.PrefixTuning.Options;

/// <summary>One kind of an option that has several, such as a decoding or a network.</summary>
/// <typeparam name="T">What they all are.</typeparam>
/// <param name="Name">As a command line and a configuration call it.</param>
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
    public string Describe(T value) => string.Join(", ", Members
        .Where(member => member.GetValue(value) is not null).Select(member => FormattableString.Invariant(
            $"{Word(member).Replace('-', ' ')} {OptionText.Show(member.GetValue(value)!)}")).Prepend(Name));

    /// <summary>How a member is called in the form.</summary>
    public static string Word(PropertyInfo member) => OptionText.Kebab(member.Name);
}
