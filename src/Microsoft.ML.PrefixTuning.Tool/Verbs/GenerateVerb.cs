using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary><c>generate</c>: rows in, the same rows with texts out, in order, a look-ahead at a time.</summary>
internal sealed class GenerateVerb
{
    private readonly ToolConsole _console;
    private readonly Argument<string> _data =
        PathArgument.Make<string>("data", "Rows: a file, or '-' for standard input.");
    private readonly Option<string> _to =
        new("--to")
        {
            Description = "File that takes the rows with their texts; without it, standard output.",
            HelpName = "file"
        };
    private readonly Option<TableFormat?> _format =
        FormatOption.Make("--format", "Format of the rows, where the file's name does not tell");
    private readonly Option<TableFormat?> _toFormat = FormatOption.Make("--to-format",
        "Format of what is written; without it that of the file's name, else that of the rows");
    private readonly GeneratorArguments _generator;

    private GenerateVerb(ToolConsole console, Verb command)
    {
        _console = console;
        _data.DefaultValueFactory = _ => TableFormats.Standard;
        command.Arguments.Add(_data);
        foreach (Option option in (Option[])[_to, _format, _toFormat])
            command.Options.Add(option);
        _generator = new GeneratorArguments(command);
        command.SetAction(Run);
    }

    /// <summary>The command.</summary>
    public static Verb Make(ToolConsole console)
    {
        var command =
            new Verb("generate",
            "Writes a text for every row: with a saved model, whose own options hold where none is given, or with a"
                + " base and a prefix.");
        _ = new GenerateVerb(console, command);
        HelpWithExamples.Add(command,
            "prefix-tune generate venues.tsv --model describe.zip --to described.tsv",
            "prefix-tune generate venues.jsonl --model describe.zip --decoding beam --beam-width 4 > described.jsonl",
            "cat facts.txt | prefix-tune generate --model describe.zip --look-ahead 1",
            "prefix-tune generate venues.csv --base smollm2 --prefix describe.safetensors --input Facts --output"
                + " Description");
        return command;
    }

    private int Run(ParseResult parsed)
    {
        string data = parsed.GetValue(_data)!;
        string? to = parsed.GetValue(_to) is TableFormats.Standard ? null : parsed.GetValue(_to);
        if (to is not null && data != TableFormats.Standard && Path.GetFullPath(to) == Path.GetFullPath(data))
            throw new UsageException("--to: expected another file than the one that is read.");
        if (data != TableFormats.Standard && !File.Exists(data))
            throw new FileNotFoundException($"'{data}': expected a file of rows, found nothing.", data);
        MLContext mlContext = Context.Make(_console);
        using TextSource source = _generator.Open(parsed, mlContext);
        TableFormat format = TableFormats.Of(parsed.GetValue(_format), data, TableFormat.Text);
        var input = new TableInput(data, format, source.Tuned.InputColumnName, _console);
        // Rows that were read and not yet written: as many as the look-ahead at most.
        var pending = new Queue<TableRow>();
        using var view = new TextTableView(input, pending.Enqueue);
        // JSON lines without a line have no columns either.
        if (view.Schema.Count == 0)
            return ExitCode.Done;
        source.CheckColumns(view.Columns);
        IDataView written = source.Model.Transform(view);
        using StreamWriter? file = to is null ? null : new StreamWriter(to, append: false, TextFiles.Utf8);
        AddedTexts added = AddedTexts.Of(view.Schema, written.Schema, source.Tuned.OutputColumnName);
        using TableWriter writer =
            TableWriter.Open(file ?? _console.Out, TableFormats.Of(parsed.GetValue(_toFormat), to, format),
            view.Columns, added.Columns);
        var watch = Stopwatch.StartNew();
        long rows = Write(written, added, pending, writer);
        if (to is not null)
            _console.Error.WriteLine(
                FormattableString.Invariant($"{rows:N0} rows written to {to} in {watch.Elapsed.TotalSeconds:F1} s."));
        return ExitCode.Done;
    }

    private static long Write(IDataView written, AddedTexts added, Queue<TableRow> pending, TableWriter writer)
    {
        long rows = 0;
        using DataViewRowCursor cursor = written.GetRowCursor(added.Needed);
        Func<string[]>[] readers = added.GetReaders(cursor);
        for (; cursor.MoveNext(); rows++)
        {
            writer.Write(pending.Dequeue(), [.. readers.Select(read => read())]);
            if (pending.Count == 0)
                writer.Flush();
        }
        return rows;
    }
}
