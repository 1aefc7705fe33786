using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;

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
    /// <param name="meaning">What is chosen.</param>
    /// <param name="cases">The kinds, the default first.</param>
    public CaseText(Verb command, string name, string meaning, IReadOnlyList<OptionCase<T>> cases)
    {
        _cases = cases;
        _symbol = new Option<string>(name)
        {
            Description = $"{meaning} {string.Join(' ', cases.Select(one => one.Help))}",
            HelpName = string.Join('|', cases.Select(one => one.Name)),
            DefaultValueFactory = _ => cases[0].Name,
        };
        command.Options.Add(_symbol);
    }

    /// <summary>What the command line says.</summary>
    /// <exception cref="UsageException">It is none of the kinds.</exception>
    public T Read(ParseResult parsed)
    {
        string text = parsed.GetValue(_symbol)!;
        string[] words = text.Split(':', 2);
        if (_cases.FirstOrDefault(one => one.Name == words[0]) is not { } found)
            throw Wrong(text);
        string[] values = words.Length == 1 ? [] : Split(found, words[1]);
        if (values.Length > found.Members.Count || (found.NeedsValue && values.Length == 0))
            throw Wrong(text);
        try
        {
            return (T)RecordMembers.With(found.Default,
                found.Members.Zip(values, (member, value) => (member, (object?)OptionText.Parse(member, value))));
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

    // A text may hold colons of its own: what stands behind the first one is the whole of it.
    private static string[] Split(OptionCase<T> one, string values) =>
        one.Members is [{ } only] && OptionText.IsOpen(only.PropertyType) ? [values] : values.Split(':');

    private UsageException Wrong(string text)
    {
        string allButLast = string.Join(", ", _cases.SkipLast(1).Select(one => one.Form));
        return new($"{_symbol.Name}: expected {allButLast} or {_cases[^1].Form}, found '{text}'.");
    }
}
