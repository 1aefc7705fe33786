using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using System.Reflection;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>
/// An option of several kinds as one text: the kind, and behind colons its members in their record's order.
/// </summary>
/// <typeparam name="T">What the kinds are.</typeparam>
internal sealed class CaseText<T>
    where T : class
{
    private readonly IReadOnlyList<OptionCase<T>> _cases;
    private readonly Option<string> _symbol;

    /// <summary>Adds the option to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="name">With its hyphens.</param>
    /// <param name="place">The property as the library's messages call it: where it stands, and its name.</param>
    /// <param name="meaning">What is chosen.</param>
    /// <param name="cases">The kinds, the default first.</param>
    public CaseText(Verb command, string name, string place, string meaning, IReadOnlyList<OptionCase<T>> cases)
    {
        _cases = cases;
        _symbol = new Option<string>(name)
        {
            Description = $"{meaning} {string.Join(' ', cases.Select(one => one.Help()))}",
            HelpName = string.Join('|', cases.Select(one => one.Name)),
            DefaultValueFactory = _ => cases[0].Name,
        };
        command.Options.Add(_symbol);
        command.Words.Add(place, name);
        foreach (OptionCase<T> one in cases)
            command.Words.AddKind(one.Name);
        foreach (PropertyInfo member in cases.SelectMany(one => one.Members))
            command.Words.Add($"{place}.{member.Name}", $"{name}, {OptionCase<T>.Word(member)}");
    }

    /// <summary>What the command line says.</summary>
    /// <exception cref="UsageException">It is none of the kinds.</exception>
    public T Read(ParseResult parsed)
    {
        try
        {
            (OptionCase<T> found, var members) = OptionCases.Split(_cases, parsed.GetValue(_symbol)!);
            return (T)OptionMembers.With(found.Default, members.Select(member =>
                (member.Member, (object?)OptionText.Parse(member.Member,
                    EscapedText.ReadOf(member.Member, member.Text)))));
        }
        catch (FormatException fault)
        {
            throw new UsageException($"{_symbol.Name}: {fault.Message}");
        }
    }

    /// <summary>
    /// What stands behind the name of a kind; null where it is another kind, or nothing stands there.
    /// </summary>
    public string? ValueOf(ParseResult parsed, string kind) =>
        parsed.GetValue(_symbol)!.Split(':', 2) is [var name, var value] && name == kind ? value : null;
}
