using System.Collections.Generic;
using System.CommandLine;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary><c>inspect</c>: what a base, an adapter, a prefix or a saved model is, and how long rows are.</summary>
internal static class InspectVerb
{
    /// <summary>The command.</summary>
    public static Verb Make(ToolConsole console)
    {
        Argument<string> path = PathArgument.Make<string>("path",
            "A saved model (.zip), a prefix (.safetensors), the folder of a PEFT adapter, or a base:"
                + $" {BaseArgument.Forms}; with --base a file of rows.");
        var command = new Verb("inspect",
            "Describes a base, an adapter, a prefix or a saved model, or how long rows are for a base.") { path };
        var rows = new RowInspection(console, command);
        Option<string> preTokenizer = BaseArgument.MakePreTokenizer();
        command.Options.Add(preTokenizer);
        command.SetAction(parsed =>
        {
            (string named, string? pre) = (parsed.GetValue(path)!, parsed.GetValue(preTokenizer));
            rows.AddFiles(parsed, new CommandFiles().ReadRows("what is described", named)).Check();
            Described.Write(rows.IsGiven(parsed) ? rows.Of(parsed, named, pre) : Describe(named, pre), console.Out);
            return ExitCode.Done;
        });
        HelpWithExamples.Add(command,
            "prefix-tune inspect smollm2",
            "prefix-tune inspect ./my-model",
            "prefix-tune inspect describe.zip",
            "prefix-tune inspect venues.tsv --base smollm2 --input Facts --label Reference",
            "prefix-tune inspect ./peft-adapter");
        return command;
    }

    private static IEnumerable<Described> Describe(string path, string? preTokenizer)
    {
        PathKind kind = PrefixSource.KindOf(path);
        if (preTokenizer is not null && kind != PathKind.Base)
        {
            throw new UsageException(
                $"{BaseArgument.PreTokenizer} goes with a .gguf file as the base, found '{path}'.");
        }
        return kind switch
        {
            PathKind.Model => ModelDescription.Of(path),
            PathKind.Prefix => PrefixDescription.Of(Prefix.Load(path)),
            PathKind.Peft => PeftDescription.Of(path),
            _ => BaseDescription.Of(BaseArgument.Resolve(path, preTokenizer)),
        };
    }
}
