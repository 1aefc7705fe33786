using System.CommandLine;
using Microsoft.ML.PrefixTuning.Tool.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary><c>distill</c>: rows, a base and a long text or prefix in, a saved model with a short prefix out.</summary>
internal sealed class DistillVerb
{
    private readonly Option<string> _text =
        new("--teacher-text")
        {
            Description =
        "File with the text that the prefix takes the place of: an instruction, worked examples, any context. It"
            + " stands in front of every row as the file has it.",
            HelpName = "file"
        };
    private readonly Option<string> _prefix =
        new("--teacher-prefix")
        {
            Description =
        "Instead of a text, a longer prefix: a .safetensors file, or the folder of a PEFT adapter.",
            HelpName = "path"
        };
    private readonly TuningArguments _student;
    private readonly DistillationArguments _options;

    private DistillVerb(ToolConsole console, Verb command)
    {
        _student = new TuningArguments(console, command, own: [_text, _prefix],
            without:
            [
                nameof(PrefixTuningOptions.AttributeColumnName), nameof(PrefixTuningOptions.AttributeLength),
                nameof(PrefixTuningOptions.UnseenAttribute),
            ], plainStart: "the first tokens of the teacher");
        _options = new DistillationArguments(command);
        command.Group("Distillation");
        command.SetAction(Run);
    }

    /// <summary>The command.</summary>
    public static Verb Make(ToolConsole console)
    {
        var command =
            new Verb("distill",
            "Trains a short prefix that acts like a long text or prefix in front of rows, which need no wanted texts."
                + " Ctrl-C ends the training and saves the best prefix so far.");
        _ = new DistillVerb(console, command);
        HelpWithExamples.Add(command,
            "prefix-tune distill questions.tsv --base smollm2 --input Question --teacher-text instruction.txt --model"
                + " answer.zip --prefix-length 16",
            "prefix-tune distill questions.csv --base ./my-model --input Question --teacher-prefix long.safetensors"
                + " --model answer.zip --distillation-top-k 50");
        return command;
    }

    private int Run(ParseResult parsed)
    {
        _student.Files(parsed)
            .Read("--teacher-text", parsed.GetValue(_text))
            .Read("--teacher-prefix", parsed.GetValue(_prefix))
            .Check();
        DistillationOptions options = _options.Read(parsed);
        BaseModel baseModel = _student.Base(parsed);
        PrefixTeacher teacher = ReadTeacher(parsed, baseModel);
        return _student.Run(parsed, options.ContinuationColumnName is { } column ? [column]
            : [], (mlContext, student) =>
            mlContext.Transforms.Text.DistillPrefix(_student.Output(parsed), _student.Input(parsed), baseModel, teacher,
                options with { Student = student }));
    }

    private PrefixTeacher ReadTeacher(ParseResult parsed, BaseModel baseModel) =>
        (parsed.GetValue(_text), parsed.GetValue(_prefix)) switch
        {
            ({ } text, null) => PrefixTeacher.FromText(TextFiles.Read(text)),
            (null, { } prefix) => PrefixTeacher.FromPrefix(PrefixSource.Load(prefix, baseModel)),
            _ => throw new UsageException("expected either --teacher-text or --teacher-prefix."),
        };
}
