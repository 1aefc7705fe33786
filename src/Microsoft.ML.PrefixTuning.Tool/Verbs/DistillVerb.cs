using System;
using System.CommandLine;
using System.Globalization;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Tool.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>
/// <c>distill</c>: rows, a base and a long text or prefix in, a saved model with a short prefix out; or a document,
/// about which the base writes the rows itself.
/// </summary>
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
    private readonly Option<string> _column =
        new("--teacher-column")
        {
            Description = "Instead of one text for all rows, a column with each row's own, such as the part of a"
                + " document that it is about. Needs --continuation-column.",
            HelpName = "column"
        };
    private readonly Option<string> _document =
        new("--document")
        {
            Description = "Instead of rows, a file with a long text: the base writes questions and answers about its"
                + " parts, and the prefix is trained to answer as the base does with the part in front.",
            HelpName = "file"
        };
    private readonly Option<string> _studyRows =
        new("--study-rows")
        {
            Description = "File that takes what the base writes about the document, as JSON lines (.jsonl); they can"
                + " be distilled again with --teacher-column Part --continuation-column Answer.",
            HelpName = "file"
        };
    private readonly TuningArguments _student;
    private readonly DistillationArguments _options;
    private readonly StudyArguments _study;

    private DistillVerb(ToolConsole console, Verb command)
    {
        _student = new TuningArguments(console, command, own: [_text, _prefix, _column, _document, _studyRows],
            without:
            [
                nameof(PrefixTuningOptions.AttributeColumnName), nameof(PrefixTuningOptions.AttributeLength),
                nameof(PrefixTuningOptions.UnseenAttribute),
            ], plainStart: "the first tokens of the teacher")
        { IsRowsOptional = true };
        _options = new DistillationArguments(command);
        command.Group("Distillation");
        _study = new StudyArguments(command);
        command.Group("Questions about a document");
        command.Words.Add("Teacher", _text.Name);
        command.Words.Add($"{nameof(PrefixTeacher)}.{nameof(PrefixTeacher.FromText)}", _text.Name);
        command.Words.Add($"{nameof(PrefixTeacher)}.{nameof(PrefixTeacher.FromColumn)}", _column.Name);
        command.Words.Add($"{nameof(SelfStudy)}.{nameof(SelfStudy.Write)}", _document.Name);
        command.SetAction(Run);
    }

    /// <summary>The command.</summary>
    public static Verb Make(ToolConsole console)
    {
        var command =
            new Verb("distill",
            "Trains a short prefix that acts like a long text or prefix in front of rows, which need no wanted texts."
                + " Of a document the base writes the rows itself. Ctrl-C ends the training and saves the best prefix"
                + " so far.");
        _ = new DistillVerb(console, command);
        HelpWithExamples.Add(command,
            "prefix-tune distill questions.tsv --base smollm2 --input Question --teacher-text instruction.txt --model"
                + " answer.zip --prefix-length 16",
            "prefix-tune distill questions.csv --base ./my-model --input Question --teacher-prefix long.safetensors"
                + " --model answer.zip --distillation-top-k 50",
            "prefix-tune distill --document handbook.txt --base smollm2 --questions-per-part 16 --prefix-length 128"
                + " --model handbook.zip --state handbook.state");
        return command;
    }

    private int Run(ParseResult parsed)
    {
        _student.Files(parsed)
            .Read("--teacher-text", parsed.GetValue(_text))
            .Read("--teacher-prefix", parsed.GetValue(_prefix))
            .Read("--document", parsed.GetValue(_document))
            .Write("--study-rows", parsed.GetValue(_studyRows))
            .Check();
        DistillationOptions options = _options.Read(parsed);
        BaseModel baseModel = _student.Base(parsed);
        if (parsed.GetValue(_document) is { } document)
            return RunDocument(parsed, document, options, baseModel);
        CheckNoStudy(parsed);
        PrefixTeacher teacher = ReadTeacher(parsed, baseModel);
        return _student.Run(parsed, options.ContinuationColumnName is { } column ? [column] : [],
            (mlContext, student) => mlContext.Transforms.Text.DistillPrefix(_student.Output(parsed),
                _student.Input(parsed), baseModel, teacher, options with { Student = student }));
    }

    private int RunDocument(ParseResult parsed, string path, DistillationOptions options, BaseModel baseModel)
    {
        CheckNoRows(parsed, options);
        StudyFile.CheckName(parsed.GetValue(_studyRows));
        string input = _student.Input(parsed), document = ReadText(path);
        using var file = new StudyFile(parsed.GetValue(_studyRows));
        options = options with { ContinuationColumnName = StudyFile.Answer };
        PrefixTeacher teacher = PrefixTeacher.FromColumn(StudyFile.Part);
        string? template = ChatTemplate(baseModel);
        SelfStudyOptions asked = _study.Read(parsed);
        return _student.Run(parsed, [StudyFile.Answer],
            (mlContext, student) =>
            {
                CheckLength(student.Prefix, asked);
                return mlContext.Transforms.Text.DistillPrefix(_student.Output(parsed), input, baseModel, teacher,
                    options with { Student = student with { Template = student.Template ?? template } });
            },
            (student, say) =>
            {
                SelfStudyOptions study = asked with
                {
                    Template = student.Template ?? template,
                    Precision = student.Precision,
                    Device = student.Device,
                    Threads = student.Threads,
                    CancellationToken = student.Training.CancellationToken,
                    Progress = progress => say(string.Create(CultureInfo.InvariantCulture,
                        $"part {progress.Parts} of {progress.TotalParts}: ")
                        + $"{CountText.Of(progress.Rows, "question")} answered"),
                };
                return file.Write(baseModel, document, input, study,
                    isFirst: student.Training.Workers is not { IsFirst: false });
            });
    }

    private PrefixTeacher ReadTeacher(ParseResult parsed, BaseModel baseModel) =>
        (parsed.GetValue(_text), parsed.GetValue(_prefix), parsed.GetValue(_column)) switch
        {
            ({ } text, null, null) => PrefixTeacher.FromText(ReadText(text)),
            (null, { } prefix, null) => PrefixTeacher.FromPrefix(PrefixSource.Load(prefix, baseModel)),
            (null, null, { } column) => PrefixTeacher.FromColumn(column),
            _ => throw new UsageException(
                "expected either --teacher-text, --teacher-prefix, --teacher-column or --document."),
        };

    private static string ReadText(string path)
    {
        string text = TextFiles.Read(path);
        return string.IsNullOrWhiteSpace(text)
            ? throw new FormatException($"'{path}': expected a text, found nothing but white space.") : text;
    }

    private void CheckNoStudy(ParseResult parsed)
    {
        if (parsed.GetValue(_studyRows) is not null || _study.IsAnyGiven(parsed))
            throw new UsageException("expected --document beside options of questions about one.");
        _student.CheckRows(parsed);
    }

    /// <summary>Refuses what has no part in the rows that a base writes.</summary>
    private void CheckNoRows(ParseResult parsed, DistillationOptions options)
    {
        (string Name, string? Value)[] others =
        [
            ("rows", _student.Data(parsed)), ("--teacher-text", parsed.GetValue(_text)),
            ("--teacher-prefix", parsed.GetValue(_prefix)), ("--teacher-column", parsed.GetValue(_column)),
            ("--continuation-column", options.ContinuationColumnName),
        ];
        foreach ((string name, string? value) in others)
        {
            if (value is not null)
                throw new UsageException($"--document: expected no {name} beside it, found '{value}'.");
        }
        if (_options.FirstOfContinuations(parsed) is { } stray)
        {
            throw new UsageException(
                $"--document: expected no {stray} beside it; --max-answer-tokens bounds the answers.");
        }
        if (_student.Input(parsed) is StudyFile.Answer or StudyFile.Part)
        {
            throw new UsageException($"--input: expected another name than '{StudyFile.Answer}' and '{StudyFile.Part}',"
                + $" which rows about a document have, found '{_student.Input(parsed)}'.");
        }
    }

    /// <summary>
    /// Refuses a student that is no shorter than a part may be, and options of the study, before the base is loaded and
    /// writes anything.
    /// </summary>
    private static void CheckLength(PrefixOptions student, SelfStudyOptions study)
    {
        Faults.Throw(study.Check);
        // Takes no tokens.
        if (student.Method == PrefixMethod.Memory)
            return;
        int length = student.Start is PrefixValuesStart start ? start.Prefix.Length : student.Length;
        if (length >= study.TokensPerPart)
        {
            throw new UsageException($"--prefix-length: expected fewer tokens than the {study.TokensPerPart} of a part"
                + $" (--tokens-per-part), found {length}.");
        }
    }

    // What was taught to converse answers a question that is put as a message.
    private static string? ChatTemplate(BaseModel baseModel)
    {
        try
        {
            return baseModel.OpenChatTemplate();
        }
        catch (Exception fault) when (fault is InvalidOperationException or NotSupportedException)
        {
            return null;
        }
    }
}
