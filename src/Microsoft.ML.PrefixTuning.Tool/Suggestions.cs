using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using Microsoft.ML.PrefixTuning.Options;

namespace Microsoft.ML.PrefixTuning.Tool;

/// <summary>What somebody may have meant who mistyped a verb or an option.</summary>
internal static class Suggestions
{
    /// <summary>
    /// A sentence for each word of a command line that names nothing, where something near has a name.
    /// </summary>
    /// <param name="parsed">The command line as it was understood.</param>
    /// <param name="arguments">The command line as it was typed.</param>
    public static IEnumerable<string> For(ParseResult parsed, IEnumerable<string> arguments)
    {
        System.CommandLine.Command command = parsed.CommandResult.Command;
        string[] verbs = [.. command.Subcommands.Select(verb => verb.Name)];
        string[] options = [.. command.Options.Select(option => option.Name)];
        IEnumerable<string?> meant = parsed.UnmatchedTokens.Select(typed => NearestName.Of(typed, verbs))
            .Concat(arguments.Where(IsOption).Select(typed => NearestOption(typed.Split('=')[0], options)));
        return meant.OfType<string>().Distinct().Select(name => $"Did you mean '{name}'?");
    }

    // A value may be a number below 0.
    private static bool IsOption(string typed) =>
        typed.Length > 2 && typed[0] == '-' && (typed[1] == '-' || char.IsAsciiLetter(typed[1]));

    // Long options have two hyphens.
    private static string? NearestOption(string typed, string[] options)
    {
        string whole = typed[1] == '-' ? typed : $"-{typed}";
        return typed != whole && options.Contains(whole) ? whole : NearestName.Of(whole, options);
    }
}
