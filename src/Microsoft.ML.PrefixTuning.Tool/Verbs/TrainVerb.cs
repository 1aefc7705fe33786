using System.CommandLine;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary><c>train</c>: rows and a base in, a saved model out.</summary>
internal sealed class TrainVerb
{
    private readonly ToolConsole _console;
    private readonly Argument<string> _data = PathArgument.Make<string>("data", "Rows to train on: a TSV or CSV file with a header line, or JSON lines.");
    private readonly Option<string> _base = BaseArgument.MakeOption("The frozen model", required: true);
    private readonly Option<string> _model = new("--model") { Description = "File that takes the trained model (.zip).", HelpName = "file", Required = true };
    private readonly Option<string> _input = new("--input") { Description = "Column that is read.", HelpName = "column", Required = true };
    private readonly Option<string> _label = new("--label") { Description = "Column with the wanted texts.", HelpName = "column", Required = true };
    private readonly Option<string> _output = new("--output") { Description = "Column that takes the text when the model is used.", HelpName = "column", DefaultValueFactory = _ => TextSource.DefaultOutput };
    private readonly Option<string> _validation = new("--validation") { Description = "Rows whose loss decides on early stopping and on the best prefix; without them a share of the training rows is held out.", HelpName = "file" };
    private readonly Option<TableFormat?> _format = FormatOption.Make("--format", "Format of the rows, where the files' names do not tell");
    private readonly PrefixArguments _prefix;
    private readonly TrainingArguments _training;
    private readonly RecordOptions<PrefixTuningOptions> _options;
    private readonly GenerationArguments _generation;

    private TrainVerb(ToolConsole console, Verb command)
    {
        _console = console;
        command.Arguments.Add(_data);
        foreach (Option option in (Option[])[_base, _model, _input, _label, _output, _validation, _format])
            command.Options.Add(option);
        _prefix = new PrefixArguments(command);
        _training = new TrainingArguments(command);
        _options = new RecordOptions<PrefixTuningOptions>(command);
        _generation = new GenerationArguments(command);
        command.SetAction(Run);
    }

    /// <summary>The command.</summary>
    public static Verb Make(ToolConsole console)
    {
        var command = new Verb("train", "Trains a prefix on rows of inputs and wanted texts. Ctrl-C ends the training and saves the best prefix so far.");
        _ = new TrainVerb(console, command);
        HelpWithExamples.Add(command,
            "prefix-tune train venues.tsv --base smollm2 --input Facts --label Reference --output Description --model describe.zip",
            "prefix-tune train tickets.csv --base ./my-model --input Ticket --label Reply --model reply.zip --prefix-length 30 --max-epochs 10 --validation held-out.csv",
            "prefix-tune train long.jsonl --base model.gguf --input article --label summary --model summary.zip --state summary.state --max-new-tokens 200");
        return command;
    }

    private int Run(ParseResult parsed)
    {
        // Everything that can be refused is refused before the long part.
        string model = parsed.GetValue(_model)!;
        AtomicFile.CheckWritable(model);
        using TextTableView rows = Open(parsed, parsed.GetValue(_data)!);
        using TextTableView? validation = parsed.GetValue(_validation) is { } held ? Open(parsed, held) : null;
        MLContext mlContext = Context.Make(_console);
        using var cancellation = new CancellationTokenSource();
        var display = new TrainingDisplay(_console);
        PrefixTuningOptions options = _options.Read(parsed, new PrefixTuningOptions()) with
        {
            Prefix = _prefix.Read(parsed),
            Training = _training.Read(parsed) with { Progress = display.Show, CancellationToken = cancellation.Token },
            Generation = _generation.Read(parsed, new GenerationOptions()),
            ValidationSet = validation,
        };
        PrefixTuningEstimator estimator = mlContext.Transforms.Text.PrefixTune(parsed.GetValue(_output)!, parsed.GetValue(_input)!,
            parsed.GetValue(_label)!, BaseArgument.Resolve(parsed.GetValue(_base)!), options);
        using PrefixTuningTransformer tuned = Fit(estimator, rows, cancellation, display);
        mlContext.Model.SaveAtomically(tuned, rows.Schema, model);
        TrainingSummary summary = tuned.TrainingSummary!;
        Described.Write(TrainingDescription.Of(summary), _console.Out);
        bool isCancelled = summary.End == TrainingEnd.Cancelled;
        _console.Out.WriteLine(isCancelled ? $"Cancelled; the best prefix so far was saved to {model}." : $"Saved to {model}.");
        return isCancelled ? ExitCode.Cancelled : ExitCode.Done;
    }

    private static PrefixTuningTransformer Fit(PrefixTuningEstimator estimator, IDataView rows, CancellationTokenSource cancellation,
        TrainingDisplay display)
    {
        // The first Ctrl-C ends the training, a second one the process.
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
        return display.Run(() => estimator.Fit(rows));

        void Cancel(PosixSignalContext signal)
        {
            signal.Cancel = !cancellation.IsCancellationRequested;
            cancellation.Cancel();
        }
    }

    private TextTableView Open(ParseResult parsed, string path)
    {
        if (path != TableFormats.Standard && !File.Exists(path))
            throw new FileNotFoundException($"'{path}': expected a file of rows, found nothing.", path);
        TableFormat format = TableFormats.Of(parsed.GetValue(_format), path, TableFormat.Tsv);
        if (format == TableFormat.Text)
            throw new UsageException("train: expected rows with columns (tsv, csv or jsonl), found the format 'text'.");
        var view = new TextTableView(new TableInput(path, format, TextSource.DefaultInput, _console));
        foreach (Option<string> column in (Option<string>[])[_input, _label])
            TableColumns.Find(view.Columns, parsed.GetValue(column)!);
        return view;
    }
}
