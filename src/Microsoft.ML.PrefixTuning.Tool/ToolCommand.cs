using System;
using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Microsoft.ML.PrefixTuning.Tool.Verbs;

namespace Microsoft.ML.PrefixTuning.Tool;

/// <summary>The verbs together: parses, runs, and turns faults into one line and an exit code.</summary>
internal static partial class ToolCommand
{
    /// <summary>What it is called.</summary>
    public const string Name = "prefix-tune";

    // Kinds of values, as help calls them, that name something.
    private static readonly string[] NamingKinds = ["base", "column", "device", "file", "folder", "path"];

    private static readonly Option<bool> Verbose = new("--verbose")
    {
        Description = "Show where in the program an error arose.",
        Recursive = true,
    };

    /// <summary>A command line as it is understood; nothing is run.</summary>
    /// <param name="arguments">Without the program's name.</param>
    /// <param name="console">Where verbs would read and write.</param>
    public static ParseResult Parse(IReadOnlyList<string> arguments, ToolConsole console) =>
        // A value may begin with @, such as that of --template: it is no file of further words.
        Make(console).Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });

    /// <summary>Runs a command line.</summary>
    /// <param name="arguments">Without the program's name.</param>
    /// <param name="console">Where it reads and writes.</param>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    public static int Run(IReadOnlyList<string> arguments, ToolConsole console)
    {
        ParseResult parsed = Parse(arguments, console);
        try
        {
            if (parsed.Action is ParseErrorAction)
            {
                IEnumerable<string> messages =
                    parsed.Errors.Select(error => error.Message).Concat(Suggestions.For(parsed, arguments));
                throw new UsageException($"{string.Join(" ", messages)} See '{CallOf(parsed)} --help'.");
            }
            CheckNames(parsed);
            // Faults are this method's, and Ctrl-C is the training's.
            int code = parsed.Invoke(new InvocationConfiguration
            {
                Output = console.Out,
                Error = console.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            });
            // A result that cannot be written is a fault, too.
            console.Out.Flush();
            return code;
        }
        catch (Exception fault)
        {
            return Tell(fault, parsed, console);
        }
    }

    /// <summary>Says what went wrong.</summary>
    /// <returns>The exit code for it.</returns>
    public static int Tell(Exception fault, ParseResult parsed, ToolConsole console)
    {
        try
        {
            console.Out.Flush();
        }
        catch (IOException)
        {
            // The fault is this one, or came first.
        }
        console.Error.WriteLine(parsed.GetValue(Verbose) ? fault.ToString() : $"{Name}: {MessageOf(fault, parsed)}");
        return CodeOf(fault);
    }

    /// <summary>The command with its verbs.</summary>
    private static Verb Make(ToolConsole console)
    {
        var root = new Verb(Name,
            "Teaches a frozen language model to write the texts you want, by training a prefix for it.")
        {
            TrainVerb.Make(console), DistillVerb.Make(console), SweepVerb.Make(console), GenerateVerb.Make(console),
            MergeVerb.Make(console), EvaluateVerb.Make(console), ServeVerb.Make(console), InspectVerb.Make(console),
            ConvertVerb.Make(console),
            Verbose, new VersionOption(),
        };
        HelpWithExamples.Add(root,
            "prefix-tune train venues.tsv --base smollm2 --input Facts --label Reference --model describe.zip",
            "prefix-tune generate new-venues.tsv --model describe.zip --to described.tsv",
            "prefix-tune train --help");
        return root;
    }

    /// <summary>Refuses an empty text, such as that of a variable that is not set, where something is named.</summary>
    private static void CheckNames(ParseResult parsed)
    {
        foreach (SymbolResult given in parsed.CommandResult.Children)
        {
            (string name, string kind) = given switch
            {
                OptionResult { Option: var option } => (option.Name, option.HelpName ?? ""),
                ArgumentResult { Argument: var argument } => (argument.Name, "path"),
                _ => ("", ""),
            };
            if (NamingKinds.Contains(kind) && given.Tokens.Any(token => token.Value.Length == 0))
                throw new UsageException($"{name}: expected a {kind}, found an empty text.");
        }
    }

    private static string CallOf(ParseResult parsed) =>
        parsed.CommandResult.Command.Name is Name ? Name : $"{Name} {parsed.CommandResult.Command.Name}";

    private static int CodeOf(Exception fault) => fault switch
    {
        UsageException or ArgumentException { ParamName: "options" } => ExitCode.Usage,
        OperationCanceledException => ExitCode.Cancelled,
        _ => ExitCode.Failed,
    };

    /// <summary>The message of a fault on one line, without what .NET puts behind it.</summary>
    internal static string PlainMessage(Exception fault) => OneLine(fault.Message);

    private static string OneLine(string message) =>
        WhiteSpace().Replace(ParameterName().Replace(message, ""), " ").Trim();

    // A fault of this program, or of a step of a model that is another's, says nothing without its kind.
    private static string MessageOf(Exception fault, ParseResult parsed)
    {
        string message = fault is UsageException ? PlainMessage(fault)
            : OneLine(OptionWords.Of(parsed).Of(fault.Message));
        return IsExpected(fault) ? message : $"{fault.GetType().Name}: {message} --verbose shows where it arose.";
    }

    private static bool IsExpected(Exception fault) => fault is UsageException or OperationCanceledException
        or IOException or UnauthorizedAccessException or FormatException or InvalidOperationException
        or NotSupportedException or ArgumentException or ExternalException or OutOfMemoryException
        or DllNotFoundException;

    // What .NET puts behind the messages of argument exceptions.
    [GeneratedRegex(@" \(Parameter '\w+'\)|\s*Actual value was .*$")]
    private static partial Regex ParameterName();

    [GeneratedRegex(@"\s*[\r\n]+\s*")]
    private static partial Regex WhiteSpace();
}
