using System.CommandLine;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary><c>train</c>: rows and a base in, a saved model out.</summary>
internal sealed class TrainVerb
{
    private readonly Option<string> _label =
        new("--label") { Description = "Column with the wanted texts.", HelpName = "column", Required = true };
    private readonly TuningArguments _tuning;

    private TrainVerb(ToolConsole console, Verb command)
    {
        _tuning = new TuningArguments(console, command, own: [_label]);
        command.SetAction(Run);
    }

    /// <summary>The command.</summary>
    public static Verb Make(ToolConsole console)
    {
        var command =
            new Verb("train",
            "Trains a prefix on rows of inputs and wanted texts. Ctrl-C ends the training and saves the best prefix"
                + " so far.");
        _ = new TrainVerb(console, command);
        HelpWithExamples.Add(command,
            "prefix-tune train venues.tsv --base smollm2 --input Facts --label Reference --output Description --model"
                + " describe.zip",
            "prefix-tune train tickets.csv --base ./my-model --input Ticket --label Reply --model reply.zip --report"
                + " reply.html --prefix-length 30 --max-epochs 10 --validation held-out.csv",
            "prefix-tune train long.jsonl --base model.gguf --input article --label summary --model summary.zip"
                + " --state summary.state --max-new-tokens 200");
        return command;
    }

    private int Run(ParseResult parsed)
    {
        _tuning.Files(parsed).Check();
        string label = parsed.GetValue(_label)!;
        return _tuning.Run(parsed, [label], (mlContext, options) =>
            mlContext.Transforms.Text.PrefixTune(_tuning.Output(parsed), _tuning.Input(parsed), label,
                _tuning.Base(parsed), options));
    }
}
