using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.PrefixTuning.Files;
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
            Description = "File that takes the rows with their texts; without it, standard output. It is written when"
                + " all rows are there; until then they are kept beside it, and the same command goes on with them.",
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
        _generator = new GeneratorArguments(command, console);
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
            "prefix-tune generate venues.tsv --base smollm2 --prefix describe.safetensors --engine llama-cpp",
            "prefix-tune generate venues.csv --base smollm2 --prefix describe.safetensors --input Facts --output"
                + " Description");
        return command;
    }

    private int Run(ParseResult parsed)
    {
        string data = parsed.GetValue(_data)!, to = parsed.GetValue(_to) ?? TableFormats.Standard;
        if (TableFormats.IsFile(data) && !File.Exists(data))
            throw new FileNotFoundException($"'{data}': expected a file of rows, found nothing.", data);
        CommandFiles files = Files(parsed, data, to);
        files.Check();
        TableFormat format = TableFormats.OfInput(parsed.GetValue(_format), data, TableFormat.Text);
        TableFormat toFormat = TableFormats.OfOutput(parsed.GetValue(_toFormat), to, format);
        using PartialFile? partial = TableFormats.IsFile(to) ? OpenPartial(parsed, data, to) : null;
        using TextSource source = _generator.Open(parsed, Context.Make(_console));
        // A saved model may have found its base at another place than the one that it names.
        files.ReadBase(source.BasePath).Check();
        // Rows that were read and not yet written: as many as the look-ahead at most.
        var pending = new Queue<TableRow>();
        var input = new TableInput(data, format, source.Tuned.InputColumnName, _console);
        using var view = new TextTableView(input, new TableViewOptions
        {
            RowRead = pending.Enqueue,
            IsDone = row => partial?.Has(row) == true,
        });
        var watch = Stopwatch.StartNew();
        bool isStandard = to == TableFormats.Standard;
        var display = new WritingDisplay(_console)
        {
            Total = TableFormats.IsFile(data) ? Count(input) : null,
            HasBar = !isStandard || !_console.IsOutTerminal,
        };
        var writing = new Writing(source, view, pending, display) { Format = toFormat };
        if (partial is null)
        {
            display.Run(() => writing.Write(table => new StreamedTable(OpenStream(to), !isStandard, table)));
            return ExitCode.Done;
        }
        Keep(partial, () => display.Run(() => writing.Write(table => new KeptTable(to, partial, table))));
        _console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{partial.Rows:N0} rows written to {to} in {watch.Elapsed.TotalSeconds:F1} s."));
        return ExitCode.Done;
    }

    private CommandFiles Files(ParseResult parsed, string data, string to)
    {
        CommandFiles files = _generator.AddFiles(parsed, new CommandFiles().Read("the rows", data)).Write("--to", to);
        return TableFormats.IsFile(to) ? files.Write("--to's partial file", PartialFile.PathFor(to)) : files;
    }

    private PartialFile OpenPartial(ParseResult parsed, string data, string to)
    {
        AtomicFile.CheckWritable(to);
        CommandSignature signature =
            new CommandSignature().Options(parsed, [_to, .. _generator.FileOptions]).Content("rows", data);
        return PartialFile.Open(to, _generator.Sign(parsed, signature).ToString());
    }

    private TextWriter OpenStream(string to) =>
        to == TableFormats.Standard ? _console.Out : new StreamWriter(to, append: false, TextFiles.Utf8);

    /// <summary>Says where the rows are that were written, if there will be no others.</summary>
    private void Keep(PartialFile partial, Action write)
    {
        // A signal ends the process all the same: no row that was handed on is lost.
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, _ => Tell());
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => Tell());
        try
        {
            write();
        }
        catch when (!partial.IsEmpty)
        {
            Tell();
            throw;
        }

        void Tell() => _console.Error.WriteLine(
            $"Rows that were written are kept in {partial.Path}; the same command goes on with them.");
    }

    /// <summary>Rows of a file; null where it is not good to its end, which is told when that is read.</summary>
    private static long? Count(TableInput input)
    {
        try
        {
            using TableReader reader = input.Open();
            long rows = 0;
            while (reader.Read() is not null)
                rows++;
            return rows;
        }
        catch (Exception fault) when (fault is FormatException or IOException or DecoderFallbackException)
        {
            return null;
        }
    }

    /// <summary>Rows on their way from a view to a table.</summary>
    private sealed class Writing(TextSource source, TextTableView view, Queue<TableRow> pending,
        WritingDisplay display)
    {
        /// <summary>Format of the table.</summary>
        public required TableFormat Format { get; init; }

        public void Write(Func<TableWriter, ITableOutput> open)
        {
            // JSON without an object has no columns either.
            bool isEmpty = view.Columns.Count == 0;
            if (!isEmpty)
                source.CheckColumns(view.Columns);
            IDataView written = isEmpty ? view : source.Model.Transform(view);
            AddedTexts added = AddedTexts.Of(view.Schema, written.Schema, source.Tuned.OutputColumnName);
            TableWriter table = TableWriter.Make(Format, view.Columns, added.Columns);
            using ITableOutput output = open(table);
            using DataViewRowCursor cursor = written.GetRowCursor(added.Needed);
            Func<string[]>[] readers = added.GetReaders(cursor);
            while (cursor.MoveNext())
            {
                TableRow row = pending.Dequeue();
                output.Add(row, table.Row(row, [.. readers.Select(read => read())]));
                display.Add(cursor.Position + 1);
                if (pending.Count == 0)
                    output.Flush();
            }
            output.Complete();
        }
    }
}
