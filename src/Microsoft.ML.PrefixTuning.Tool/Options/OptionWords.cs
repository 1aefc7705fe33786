using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Options;

/// <summary>
/// What the library says, in a verb's words: it calls options by their properties and knows no command. Each verb has
/// the names of its own options, entered where these are made. The one place where errors and warnings are translated.
/// </summary>
internal sealed partial class OptionWords
{
    // Stands before kinds, which are no properties' paths.
    private const string Kind = "kind ";

    private static readonly OptionWords None = new();

    private readonly List<OptionWord> _words = [];

    /// <summary>All names.</summary>
    public IReadOnlyList<OptionWord> All => _words;

    /// <summary>The names of the verb that a command line calls.</summary>
    public static OptionWords Of(ParseResult parsed) => (parsed.CommandResult.Command as Verb)?.Words ?? None;

    /// <summary>Enters a name; the first one of a path holds.</summary>
    /// <param name="path">The property as the library's messages call it: where it stands, and its name.</param>
    /// <param name="typed">What is typed.</param>
    /// <param name="property">The property, where the option takes its value as it is.</param>
    public void Add(string path, string typed, PropertyInfo? property = null)
    {
        if (Exact(path) is null)
            _words.Add(new OptionWord(path, typed, property));
    }

    /// <summary>Enters a value that an option may have, which the library names as its own code does.</summary>
    /// <param name="typed">What is typed.</param>
    public void AddKind(string typed) => Add(Kind + typed, typed);

    /// <summary>A message with the names of options as they are typed. What stands in quotes is not touched.</summary>
    public string Of(string message) => string.Join('\n',
        message.Replace(BaseLocator.ApplicationRemedy, "", StringComparison.Ordinal).Split('\n').Select(OfLine));

    // A fault of an option begins with its name; others that it names stand beside it.
    private string OfLine(string line)
    {
        Match subject = Subject().Match(line);
        string place = subject.Success ? Outer(Inner(subject.Value)) : "";
        // A column may be called as a kind is.
        bool hasKinds = subject.Success && !subject.Value.EndsWith("ColumnName", StringComparison.Ordinal);
        string typed = Name().Replace(line, found => found.Value[0] == '\'' ? found.Value
            : hasKinds && found.Groups["kind"].Success && Exact(Kind + OptionText.Kebab(found.Value)) is { } kind
                ? kind.Typed
            : Find(Inner(found.Value), found.Index == 0 && subject.Success ? "" : place) ?? found.Value);
        // What is not typed is null in code.
        return typed.StartsWith("--", StringComparison.Ordinal)
            ? typed.Replace(": expected null ", ": expected none ", StringComparison.Ordinal) : typed;
    }

    private string? Find(string name, string place)
    {
        for (; place.Length > 0; place = Outer(place))
        {
            if (Exact($"{place}.{name}") is { } beside)
                return beside.Typed;
        }
        if (Exact(name) is { } whole)
            return whole.Typed;
        // A word such as Text or Length may be anything's.
        return !name.Skip(1).Any(char.IsUpper) ? null
            : _words.Find(word => word.Path.EndsWith($".{name}", StringComparison.OrdinalIgnoreCase))?.Typed;
    }

    // Members of kinds are called as the factories' parameters are, in small letters.
    private OptionWord? Exact(string path) =>
        _words.Find(word => word.Path.Equals(path, StringComparison.OrdinalIgnoreCase));

    private static string Outer(string path) =>
        path.LastIndexOf('.') is var end and >= 0 ? path[..end] : "";

    /// <summary>A name as it is entered, without what holds the options here, or their record's own name.</summary>
    private static string Inner(string name) => Record().Replace(Holder().Replace(name, ""), "$1.");

    [GeneratedRegex(@"^[A-Z][\w.\[\]]*(?=: expected )")]
    private static partial Regex Subject();

    // What is quoted, which an apostrophe within a word does not end; what a fault begins with; what may be a kind; a
    // member that is named with its record; or a word that only a member's name can be.
    [GeneratedRegex(@"(?<!\w)'(?:[^']|(?<=\w)'(?=\w))*'(?!\w)|^[A-Z][\w.\[\]]*(?=: expected )"
        + @"|(?<=(?:: expected |, found |the method )(?:[A-Z]\w*, )*)(?<kind>[A-Z]\w*)(?!\.?\w)"
        + @"|(?<![\w./\\-])(?:[A-Z]\w*(?:\[\d+\])?\.)+\w+(?![\w/\\])|(?<![\w./\\])[A-Z][a-z]+(?:[A-Z][a-z]+)+\b")]
    private static partial Regex Name();

    [GeneratedRegex(@"^(?:Student|Candidates\[\d+\]\.Options"
        + @"|(?:PrefixTuning|TextGeneration|TextGenerator|Distillation|SelfStudy|LlamaCpp)Options)\.")]
    private static partial Regex Holder();

    [GeneratedRegex(@"^(Prefix|Training|Generation)Options\.")]
    private static partial Regex Record();
}

/// <summary>An option by the library's name and by the command's.</summary>
/// <param name="Path">Where the property stands, and its name.</param>
/// <param name="Typed">What is typed.</param>
/// <param name="Property">The property, where the option takes its value as it is.</param>
internal sealed record OptionWord(string Path, string Typed, PropertyInfo? Property);
