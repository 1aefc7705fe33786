using System;
using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Linq;
using System.Threading;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>What the verbs that train have in common: rows, a base and options in, a saved model out.</summary>
internal sealed class TuningArguments
{
    // Rows held out that a report shows.
    private const int ReportedRows = 3;

    private readonly ToolConsole _console;
    private readonly Argument<string> _data =
        PathArgument.Make<string>("data",
            $"Rows to train on: a file with columns ({TableFormats.InWords(TableFormats.WithColumns)}).");
    private readonly Option<string> _base = BaseArgument.MakeOption("The frozen model", required: true);
    private readonly Option<string> _preTokenizer = BaseArgument.MakePreTokenizer();
    private readonly Option<string> _model = new("--model")
    {
        Description = "File that takes the trained model (.zip).",
        HelpName = "file",
        Required = true
    };
    private readonly Option<string> _report =
        new("--report")
        {
            Description = "File that takes curves and figures of the training as one HTML page, with texts of some rows"
                + " held out (three, if --example-rows does not say).",
            HelpName = "file"
        };
    private readonly Option<string> _curves =
        new("--curves")
        {
            Description = "File that takes loss, learning rate and validation loss of every step: events of TensorBoard"
                + " where its name has 'tfevents' in it, else CSV.",
            HelpName = "file"
        };
    private readonly Option<string> _input =
        new("--input") { Description = "Column that is read.", HelpName = "column", Required = true };
    private readonly Option<string> _output =
        new("--output")
        {
            Description = "Column that takes the text when the model is used.",
            HelpName = "column",
            DefaultValueFactory = _ => TextSource.DefaultOutput
        };
    private readonly Option<string> _validation =
        new("--validation")
        {
            Description =
        "Rows whose loss decides on early stopping and on the best prefix; without them a share of the training rows"
            + " is held out.",
            HelpName = "file"
        };
    private readonly Option<TableFormat?> _format =
        FormatOption.Make("--format", "Format of the rows, where the files' names do not tell",
            TableFormats.WithColumns);
    private readonly WorkersOption _workers;
    private readonly TuningOptions _options;

    /// <summary>Adds the options to a command.</summary>
    /// <param name="console">Where rows, progress and results go.</param>
    /// <param name="command">The command.</param>
    /// <param name="own">The verb's own options, shown behind the columns.</param>
    /// <param name="plainStart">What a start from a text is where the text is not given.</param>
    /// <param name="without">Properties of <see cref="PrefixTuningOptions"/> that the verb has no use for.</param>
    public TuningArguments(ToolConsole console, Verb command, IEnumerable<Option> own,
        IReadOnlyCollection<string>? without = null,
        string plainStart = TuningOptions.PlainStart)
    {
        _console = console;
        command.Arguments.Add(_data);
        foreach (Option option in (Option[])
            [_base, _preTokenizer, _model, _report, _curves, _input, _output, .. own, _validation, _format])
            command.Options.Add(option);
        command.Words.Add(nameof(PrefixTuningOptions.ValidationSet), _validation.Name);
        _workers = new WorkersOption(command);
        _options = new TuningOptions(command, without, plainStart);
    }

    /// <summary>Whether the verb may do without a file of rows, and then without the name of a column.</summary>
    public bool IsRowsOptional
    {
        init
        {
            _data.Arity = value ? ArgumentArity.ZeroOrOne : ArgumentArity.ExactlyOne;
            _input.Required = !value;
        }
    }

    /// <summary>The file of rows; null where there is none.</summary>
    public string? Data(ParseResult parsed) => parsed.GetValue(_data);

    /// <summary>Refuses a command line without rows or without the column that is read.</summary>
    /// <exception cref="UsageException">One is missing.</exception>
    public void CheckRows(ParseResult parsed)
    {
        if (Data(parsed) is null)
            throw new UsageException("expected a file of rows.");
        if (parsed.GetValue(_input) is null)
            throw new UsageException("expected --input, the column that is read.");
    }

    /// <summary>The base, which is not opened.</summary>
    public BaseModel Base(ParseResult parsed) =>
        BaseArgument.Resolve(parsed.GetValue(_base)!, parsed.GetValue(_preTokenizer));

    /// <summary>The files that the command line names, but for those of the verb's own options.</summary>
    public CommandFiles Files(ParseResult parsed) => new CommandFiles()
        .ReadRows("the rows", parsed.GetValue(_data))
        .ReadRows("--validation", parsed.GetValue(_validation))
        .Read("--prefix-start", _options.StartFile(parsed))
        .ReadBase(BaseArgument.PathOf(parsed.GetValue(_base)))
        .Write("--model", parsed.GetValue(_model))
        .Write("--report", parsed.GetValue(_report))
        .Write("--curves", parsed.GetValue(_curves))
        .Write("--state", _options.Read(parsed).Training.StateFile);

    /// <summary>The column that is read.</summary>
    public string Input(ParseResult parsed) => parsed.GetValue(_input) ?? nameof(StudyRow.Question);

    /// <summary>The column that takes the text.</summary>
    public string Output(ParseResult parsed) => parsed.GetValue(_output)!;

    /// <summary>The options of the command line.</summary>
    public PrefixTuningOptions Read(ParseResult parsed)
    {
        PrefixTuningOptions options = _options.Read(parsed);
        return options with { Template = new NamedTemplate(() => Base(parsed)).Of(options.Template) };
    }

    /// <summary>Trains, saves, and says how it went.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="texts">
    /// Columns that rows need beside the one that is read; they may have several texts a row.
    /// </param>
    /// <param name="make">Makes the estimator from the options of the command line.</param>
    /// <param name="write">
    /// Writes the rows, where they are no file of the command line, and gives the file, of JSON lines; told of the
    /// options and of where to say how far it is.
    /// </param>
    public int Run(ParseResult parsed, IReadOnlyList<string> texts, Func<MLContext, PrefixTuningOptions,
        IEstimator<PrefixTuningTransformer>> make, Func<PrefixTuningOptions, Action<string>, string>? write = null)
    {
        CheckModel(parsed.GetValue(_model)!);
        CheckStrays(parsed);
        return _workers.Run(parsed, _console,
            (workers, console) => Train(parsed, texts, make, write, workers, console));
    }

    // Other verbs would take it for something else by its name.
    private static void CheckModel(string path)
    {
        bool isDevice = path != TableFormats.Standard && !TableFormats.IsFile(path);
        if (!isDevice && (path == TableFormats.Standard || TableFormats.HasEnding(path)
            || PrefixSource.HasOtherEnding(path)))
            throw new UsageException($"--model: expected the name of a saved model (.zip), found '{path}'.");
    }

    /// <summary>Refuses what means nothing with the rest of the command line: it would be left aside.</summary>
    private void CheckStrays(ParseResult parsed)
    {
        (string Option, string Other)[] pairs =
            [("--state-interval", "--state"), ("--example-rows", _report.Name)];
        foreach ((string option, string other) in pairs)
        {
            if (IsGiven(parsed, option) && !IsGiven(parsed, other))
                throw new UsageException($"{option} goes with {other}, found none.");
        }
        string? held = parsed.GetValue(_validation);
        if (held is not null && IsGiven(parsed, "--validation-fraction"))
        {
            throw new UsageException(
                $"--validation-fraction goes without {_validation.Name}, which has the rows held out, found '{held}'.");
        }
        if (IsGiven(parsed, _format.Name) && Data(parsed) is null && held is null)
            throw new UsageException($"{_format.Name} goes with a file of rows or {_validation.Name}, found neither.");
    }

    private int Train(ParseResult parsed, IReadOnlyList<string> texts, Func<MLContext, PrefixTuningOptions,
        IEstimator<PrefixTuningTransformer>> make, Func<PrefixTuningOptions, Action<string>, string>? write,
        MpiWorkers? workers, ToolConsole console)
    {
        // Everything that can be refused is refused before the long part.
        string model = parsed.GetValue(_model)!;
        string? report = parsed.GetValue(_report), curves = parsed.GetValue(_curves);
        bool isWriter = workers is not { IsFirst: false };
        foreach (string path in isWriter ? new[] { model, report, curves }.OfType<string>() : [])
            AtomicFile.CheckWritable(path);
        using TextTableView? given = write is null ? Open(parsed, parsed.GetValue(_data)!, texts) : null;
        using TextTableView? validation = parsed.GetValue(_validation) is { } held ? Open(parsed, held, texts) : null;
        using var cancellation = new CancellationTokenSource();
        var display = new TrainingDisplay(console);
        MLContext mlContext = Context.Make(display.Say, OptionWords.Of(parsed));
        PrefixTuningOptions options = Read(parsed);
        options = options with
        {
            Training = options.Training with
            {
                Progress = display.Show,
                CancellationToken = cancellation.Token,
                ExampleRows = report is null || IsGiven(parsed, "--example-rows") ? options.Training.ExampleRows
                    : ReportedRows,
                Workers = workers,
            },
            ValidationSet = validation,
            // Each worker of a machine has a device of its own.
            Device = options.Device is "cuda" && workers is not null ? $"cuda:{workers.LocalRank}" : options.Device,
        };
        // Options that are none are refused here, and nothing is advised about them.
        IEstimator<PrefixTuningTransformer> estimator = make(mlContext, options);
        if (UsedPrecision.Of(options.Precision).Advice(value => $"--precision {value.ToString().ToLowerInvariant()}",
            options.Device is null or "cpu" ? Processor.BFloat16 : BFloat16Products.None) is { } advice)
            console.Error.WriteLine(advice);
        using TextTableView? written = write is null ? null
            : Write(parsed, texts, () => write(options, display.Say), cancellation, display);
        TextTableView rows = given ?? written!;
        using PrefixTuningTransformer tuned = Fit(estimator, rows, cancellation, display);
        TrainingSummary summary = tuned.TrainingSummary!;
        bool isCancelled = summary.End == TrainingEnd.Cancelled;
        if (isWriter)
        {
            mlContext.Model.SaveAtomically(tuned, rows.TextSchema, model);
            // Told before the rest, which may fail: the model is there.
            Described.Write(TrainingDescription.Of(summary), console.Out);
            console.Out.WriteLine(isCancelled ? $"Cancelled; the best prefix so far was saved to {model}."
                : $"Saved to {model}.");
            if (report is not null)
                summary.WriteReport(report, Command(parsed));
            if (curves is not null)
                summary.WriteCurves(curves);
        }
        return isCancelled ? ExitCode.Cancelled : ExitCode.Done;
    }

    private static string Command(ParseResult parsed) =>
        ShellWords.Join([ToolCommand.Name, .. parsed.Tokens.Select(one => one.Value)]);

    private static bool IsGiven(ParseResult parsed, string option) =>
        parsed.GetResult(option) is OptionResult { Implicit: false };

    private static PrefixTuningTransformer Fit(IEstimator<PrefixTuningTransformer> estimator, IDataView rows,
        CancellationTokenSource cancellation,
        TrainingDisplay display)
    {
        using var interruption = new Interruption(cancellation, display.Say);
        return display.Run(() => estimator.Fit(rows));
    }

    private TextTableView Write(ParseResult parsed, IReadOnlyList<string> texts, Func<string> write,
        CancellationTokenSource cancellation, TrainingDisplay display)
    {
        using var interruption = new Interruption(cancellation, display.Say);
        return Open(parsed, write(), texts, TableFormat.Jsonl);
    }

    private TextTableView Open(ParseResult parsed, string path, IReadOnlyList<string> texts, TableFormat? format = null)
    {
        var view = new TrainingRows(parsed.CommandResult.Command.Name, Input(parsed), texts, _console);
        return view.Open(path, format ?? parsed.GetValue(_format));
    }
}
