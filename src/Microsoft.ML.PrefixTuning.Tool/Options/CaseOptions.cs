using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>An option of several kinds, each of whose members is an option too.</summary>
/// <typeparam name="T">What the kinds are.</typeparam>
internal sealed class CaseOptions<T>
    where T : class
{
    private readonly Option<string> _kind;
    private readonly IReadOnlyList<(OptionCase<T> Case, MemberOptions Members)> _cases;

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="name">Of the option that says the kind, with its hyphens.</param>
    /// <param name="place">The property as the library's messages call it: where it stands, and its name.</param>
    /// <param name="meaning">What is chosen.</param>
    /// <param name="cases">The kinds, the default first.</param>
    public CaseOptions(Verb command, string name, string place, string meaning, IReadOnlyList<OptionCase<T>> cases)
    {
        string[] names = [.. cases.Select(one => one.Name)];
        _kind = new Option<string>(name)
        {
            Description = meaning,
            HelpName = string.Join('|', names),
            DefaultValueFactory = _ => names[0],
        };
        _kind.AcceptOnlyFromAmong(names);
        command.Options.Add(_kind);
        command.Words.Add(place, name);
        _cases = [.. cases.Select(one =>
            (one, new MemberOptions(command, one.Default, place, OptionNames.For(one.Default.GetType()))))];
    }

    /// <summary>Whether the command line says any of them.</summary>
    public bool IsAnyGiven(ParseResult parsed) =>
        IsKindGiven(parsed) || _cases.Any(one => one.Members.IsAnyGiven(parsed));

    /// <summary>The options of the command line over others.</summary>
    /// <exception cref="UsageException">An option belongs to another kind.</exception>
    public T Read(ParseResult parsed, T start)
    {
        (OptionCase<T> chosen, MemberOptions members) = IsKindGiven(parsed)
            ? _cases.Single(one => one.Case.Name == parsed.GetValue(_kind))
            : _cases.Single(one => one.Case.Default.GetType() == start.GetType());
        foreach ((OptionCase<T> other, MemberOptions strays) in _cases)
        {
            if (other != chosen && strays.Given(parsed).FirstOrDefault() is { } stray)
                throw new UsageException($"{stray} belongs to '{_kind.Name} {other.Name}', found '{chosen.Name}'.");
        }
        return (T)members.Read(parsed, start.GetType() == chosen.Default.GetType() ? start : chosen.Default);
    }

    private bool IsKindGiven(ParseResult parsed) => parsed.GetResult(_kind) is { Implicit: false };
}
