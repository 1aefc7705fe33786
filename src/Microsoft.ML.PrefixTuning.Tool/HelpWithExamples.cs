using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Linq;

namespace Microsoft.ML.PrefixTuning.Tool;

/// <summary>The help of a command, with examples below.</summary>
internal sealed class HelpWithExamples : SynchronousCommandLineAction
{
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
        int code = _help.Invoke(parseResult);
        var output = parseResult.InvocationConfiguration.Output;
        output.WriteLine("Examples:");
        foreach (string example in _examples)
            output.WriteLine($"  {example}");
        return code;
    }
}
