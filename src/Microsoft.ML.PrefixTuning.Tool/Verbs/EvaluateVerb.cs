using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>
/// <c>evaluate</c>: texts and references in, figures out; the texts come from a file, or a model writes them.
/// </summary>
internal sealed class EvaluateVerb
{
    private readonly ToolConsole _console;
    private readonly Argument<string[]> _paths = PathArgument.Make<string[]>("files",
        "Texts, one a line, and one or more files of references; or one table with a column of each; or, with a"
            + " model, the rows that it is tried on.");
    private readonly Option<string> _label =
        new("--label")
        {
            Description =
        "Column with the references, where a table has them; in JSON lines it may be an array.",
            HelpName = "column"
        };
    private readonly Option<TableFormat?> _format =
        FormatOption.Make("--format", "Format of the table, where the file's name does not tell");
    private readonly Option<bool> _blocks =
        new("--reference-blocks")
        {
            Description =
        "Reference files have a blank line between one text's references and the next one's, instead of one reference"
            + " a line."
        };
    private readonly Option<bool> _json = new("--json") { Description = "Print JSON instead of a table." };
    private readonly MetricsOption _metrics;
    private readonly RecordOptions<TextGenerationEvaluationOptions> _options;
    private readonly GeneratorArguments _generator;

    private EvaluateVerb(ToolConsole console, Verb command)
    {
        _console = console;
        _paths.Arity = ArgumentArity.OneOrMore;
        command.Arguments.Add(_paths);
        foreach (Option option in (Option[])[_label, _format, _blocks, _json])
            command.Options.Add(option);
        _metrics = new MetricsOption(command);
        _options = new RecordOptions<TextGenerationEvaluationOptions>(command,
            without: [nameof(TextGenerationEvaluationOptions.Metrics)]);
        _generator = new GeneratorArguments(command, console);
        command.SetAction(Run);
    }

    /// <summary>The command.</summary>
    public static Verb Make(ToolConsole console)
    {
        var command = new Verb("evaluate",
            "Measures texts against references: BLEU, ROUGE, chrF, METEOR, NIST, CIDEr, TER and more.");
        _ = new EvaluateVerb(console, command);
        HelpWithExamples.Add(command,
            "prefix-tune evaluate outputs.txt references.txt more-references.txt",
            "prefix-tune evaluate outputs.txt e2e-references.txt --reference-blocks --json",
            "prefix-tune evaluate described.tsv --output Description --label Reference --group-column Facts",
            "prefix-tune evaluate test.tsv --model describe.zip --label Reference --group-column Facts",
            "prefix-tune evaluate test.tsv --base model-Q4_K_M.gguf --prefix describe.safetensors --engine llama-cpp"
                + " --input Facts --label Reference",
            "prefix-tune evaluate outputs.txt references.txt --metrics bleu,rouge,chrf");
        return command;
    }

    private int Run(ParseResult parsed)
    {
        string[] paths = parsed.GetValue(_paths)!;
        var start = new TextGenerationEvaluationOptions { Metrics = _metrics.Read(parsed) };
        TextGenerationEvaluationOptions options = _options.Read(parsed, start);
        MetricsOption.CheckUsed(_options.Given(parsed), options.Metrics);
        MLContext mlContext = Context.Make(_console, OptionWords.Of(parsed));
        List<EvaluationRow> rows = ReadRows(parsed, paths, options.GroupColumnName, mlContext);
        if (rows.Count == 0)
            throw new FormatException($"'{paths[0]}': expected texts to measure, found none.");
        if (options.GroupColumnName is not null)
            options = options with { GroupColumnName = nameof(EvaluationRow.Group) };
        TextGenerationMetrics metrics = mlContext.TextGeneration.Evaluate(mlContext.Data.LoadFromEnumerable(rows),
            nameof(EvaluationRow.References), nameof(EvaluationRow.Output), options);
        if (parsed.GetValue(_json))
            _console.Out.WriteLine(MetricsJson.Write(metrics));
        else
            WriteTable(metrics);
        return ExitCode.Done;
    }

    private void WriteTable(TextGenerationMetrics metrics)
    {
        _console.Write(MetricsTable.Make(metrics));
        foreach (string note in metrics.Notes)
            _console.Out.WriteLine($"* {note}");
    }

    private List<EvaluationRow> ReadRows(ParseResult parsed, string[] paths, string? group, MLContext mlContext)
    {
        string? label = parsed.GetValue(_label), output = _generator.Output(parsed);
        if (!_generator.IsGiven(parsed))
            _generator.CheckNone(parsed);
        if (label is null)
        {
            if (_generator.IsGiven(parsed) || output is not null || group is not null)
                throw new UsageException("--label: expected the column with the references.");
            return paths.Length > 1
                ? ReferenceFiles.Read(paths, parsed.GetValue(_format), parsed.GetValue(_blocks), _console)
                : throw new UsageException(
                    "expected references: a second file, or --label with the column that has them.");
        }
        if (paths.Length > 1 || parsed.GetValue(_blocks))
            throw new UsageException("--label goes with one table; files of references need none.");
        bool isWritten = _generator.IsGiven(parsed);
        if (!isWritten && output is null)
            throw new UsageException("--output: expected the column with the texts (or --model, which writes them).");
        _generator.AddFiles(parsed, new CommandFiles().ReadRows("the rows", paths[0])).Check();
        TableFormat format = TableFormats.OfInput(parsed.GetValue(_format), paths[0], TableFormat.Tsv);
        var table = new TableInput(paths[0], format, TextSource.DefaultInput, _console);
        if (!isWritten)
            return ReadTable(paths[0], table, new EvaluationNames(label, group, output));
        using TextSource source = _generator.Open(parsed, mlContext);
        return WriteTexts(paths[0], table, new EvaluationNames(label, group, null), source);
    }

    private static List<EvaluationRow> ReadTable(string path, TableInput table, EvaluationNames names)
    {
        using IRowReader reader = table.Open();
        var fields = new EvaluationFields(path, reader.Columns, names);
        var rows = new List<EvaluationRow>();
        while (reader.Read() is { } row)
            rows.Add(fields.Read(row));
        return rows;
    }

    private List<EvaluationRow> WriteTexts(string path, TableInput table, EvaluationNames names,
        TextSource source)
    {
        var pending = new Queue<TableRow>();
        using var view = new TextTableView(table, new TableViewOptions { RowRead = pending.Enqueue });
        var fields = new EvaluationFields(path, view.Columns, names);
        source.CheckColumns(path, view.Columns);
        IDataView written = source.Model.Transform(view);
        AddedTexts added = AddedTexts.Of(view.Schema, written.Schema, source.WrittenColumns);
        using DataViewRowCursor cursor = written.GetRowCursor(added.Needed);
        var read = added.GetReader(cursor, source.Tuned.OutputColumnName);
        // A later step of the model may have dropped it.
        Func<string[]>? readFault = source.ErrorColumnName is { } error
            && added.Columns.Any(column => column.Name == error) ? added.GetReader(cursor, error) : null;
        var rows = new List<EvaluationRow>();
        var faults = new List<string>();
        while (cursor.MoveNext())
        {
            EvaluationRow row = fields.Read(pending.Dequeue());
            // Of several texts the best one, which is the first, counts.
            row.Output = read()[0];
            rows.Add(row);
            if (readFault?.Invoke()[0] is { Length: > 0 } fault)
                faults.Add(fault);
        }
        if (faults.Count > 0)
        {
            _console.Error.WriteLine(FormattableString.Invariant(
                $"prefix-tune: warning: {faults.Count} of {rows.Count} rows have no text and are measured as empty")
                + $" ones; the first: {faults[0]}");
        }
        return rows;
    }
}
