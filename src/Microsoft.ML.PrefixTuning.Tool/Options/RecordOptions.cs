using System.Collections.Generic;
using System.CommandLine;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>The members of an option record as options of a command.</summary>
/// <typeparam name="T">The record.</typeparam>
internal sealed class RecordOptions<T>
    where T : class, new()
{
    private readonly MemberOptions _members;

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="names">How they are called; null for the usual ones.</param>
    /// <param name="without">Members that the command decides about itself.</param>
    /// <param name="place">Where the record stands among the options that the library checks; empty for none.</param>
    public RecordOptions(Verb command, OptionNames? names = null, IReadOnlyCollection<string>? without = null,
        string place = "") =>
        _members = new MemberOptions(command, new T(), place, names ?? OptionNames.For(typeof(T)), without);

    /// <summary>Whether the command line says any of them.</summary>
    public bool IsAnyGiven(ParseResult parsed) => _members.IsAnyGiven(parsed);

    /// <summary>Those options that the command line says, by name.</summary>
    public IEnumerable<string> Given(ParseResult parsed) => _members.Given(parsed);

    /// <summary>A copy of a record in which what the command line says has taken the place of what was there.</summary>
    public T Read(ParseResult parsed, T start) => (T)_members.Read(parsed, start);
}
