using System;
using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;

namespace Microsoft.ML.PrefixTuning.Tool;

/// <summary>The help of a command: its options by groups, and examples below.</summary>
internal sealed partial class HelpWithExamples : SynchronousCommandLineAction
{
    private const string OptionsTitle = "Options:";

    private readonly HelpAction _help;
    private readonly string[] _examples;

    private HelpWithExamples(HelpAction help, string[] examples) => (_help, _examples) = (help, examples);

    public override bool ClearsParseErrors => true;

    /// <summary>Gives a command examples.</summary>
    public static void Add(System.CommandLine.Command command, params string[] examples)
    {
        HelpOption? option = command.Options.OfType<HelpOption>().SingleOrDefault();
        if (option is null)
            command.Options.Add(option = new HelpOption());
        option.Action = new HelpWithExamples((HelpAction)option.Action!, examples);
    }

    public override int Invoke(ParseResult parseResult)
    {
        TextWriter output = parseResult.InvocationConfiguration.Output;
        using var help = new StringWriter();
        parseResult.InvocationConfiguration.Output = help;
        int code = _help.Invoke(parseResult);
        parseResult.InvocationConfiguration.Output = output;
        output.Write(parseResult.CommandResult.Command is Verb verb ? Grouped(help.ToString(), verb)
            : help.ToString());
        output.WriteLine("Examples:");
        foreach (string example in _examples)
            output.WriteLine($"  {example}");
        return code;
    }

    /// <summary>
    /// The lines below "Options:" under the titles of their groups; what is in no group comes last, under that title.
    /// </summary>
    private static string Grouped(string help, Verb verb)
    {
        string[] lines = help.ReplaceLineEndings("\n").Split('\n');
        int start = Array.IndexOf(lines, OptionsTitle);
        if (start < 0)
            return help;
        int end = Array.FindIndex(lines, start, line => line.Length == 0);
        var groups = new List<(string Title, List<string> Lines)>();
        List<string> present = [];
        foreach (string line in lines[(start + 1)..(end < 0 ? lines.Length : end)])
        {
            if (Option().Match(line) is { Success: true } option)
            {
                string title = verb.GroupOf(option.Groups[1].Value) ?? "";
                present = groups.Find(group => group.Title == title).Lines ?? [];
                if (present.Count == 0)
                    groups.Add((title, present));
            }
            present.Add(line);
        }
        IEnumerable<string> shown = groups.OrderBy(group => group.Title.Length == 0).SelectMany(group =>
            (IEnumerable<string>)[group.Title.Length == 0 ? OptionsTitle : $"{group.Title}:", .. group.Lines, ""]);
        IEnumerable<string> rest = end < 0 ? [] : lines[(end + 1)..];
        return string.Join(Environment.NewLine, lines[..start].Concat(shown).Concat(rest));
    }

    // The beginning of an option's lines; its longest name.
    [GeneratedRegex("^  (?:-[^ ]+, )*(--[a-z0-9-]+)")]
    private static partial Regex Option();
}
