using System.Collections.Generic;
using System.CommandLine;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary><c>inspect</c>: what a base, an adapter, a prefix or a saved model is.</summary>
internal static class InspectVerb
{
    /// <summary>The command.</summary>
    public static Verb Make(ToolConsole console)
    {
        Argument<string> path = PathArgument.Make<string>("path",
            "A saved model (.zip), a prefix (.safetensors), the folder of a PEFT adapter, or a base:"
                + $" {BaseArgument.Forms}.");
        var command = new Verb("inspect", "Describes a base, an adapter, a prefix or a saved model.") { path };
        Option<string> preTokenizer = BaseArgument.MakePreTokenizer();
        command.Options.Add(preTokenizer);
        command.SetAction(parsed => Run(console, parsed.GetValue(path)!, parsed.GetValue(preTokenizer)));
        HelpWithExamples.Add(command,
            "prefix-tune inspect smollm2",
            "prefix-tune inspect ./my-model",
            "prefix-tune inspect describe.zip",
            "prefix-tune inspect ./peft-adapter");
        return command;
    }

    private static int Run(ToolConsole console, string path, string? preTokenizer)
    {
        IEnumerable<Described> lines = PrefixSource.KindOf(path) switch
        {
            PathKind.Model => ModelDescription.Of(path),
            PathKind.Prefix => PrefixDescription.Of(Prefix.Load(path)),
            PathKind.Peft => PeftDescription.Of(path),
            _ => BaseDescription.Of(BaseArgument.Resolve(path, preTokenizer)),
        };
        Described.Write(lines, console.Out);
        return ExitCode.Done;
    }
}
