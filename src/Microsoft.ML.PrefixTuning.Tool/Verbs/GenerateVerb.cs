using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Tool.Options;
using Microsoft.ML.PrefixTuning.Tool.Shards;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary><c>generate</c>: rows in, the same rows with texts out, in order, a look-ahead at a time.</summary>
internal sealed class GenerateVerb
{
    private readonly ToolConsole _console;
    private readonly Argument<string> _data =
        PathArgument.Make<string>("data",
            "Rows: a file, several of one table (rows-*.csv), or '-' for standard input.");
    private readonly Option<string> _to =
        new("--to")
        {
            Description = "File that takes the rows with their texts; without it, standard output. It is written when"
                + " all rows are there; until then they are kept beside it, and the same command goes on with them.",
            HelpName = "file"
        };
    private readonly Option<string> _shard =
        new("--shard")
        {
            Description = "Take the I-th of N parts of the rows, counted from 0, and write a file of its own beside"
                + " --to, which 'merge' makes of all parts. slurm takes the number of the array's task, kubernetes/N"
                + " that of the job's.",
            HelpName = "I/N|slurm|slurm/N|kubernetes/N",
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
        foreach (Option option in (Option[])[_to, _shard, _format, _toFormat])
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
                + " Description",
            "prefix-tune generate 'venues-*.parquet' --model describe.zip --to described.parquet --shard 3/16");
        return command;
    }

    private int Run(ParseResult parsed)
    {
        string data = parsed.GetValue(_data)!, to = parsed.GetValue(_to) ?? TableFormats.Standard;
        RowShard? shard = parsed.GetValue(_shard) is { } part
            ? RowShard.Parse(part, Environment.GetEnvironmentVariable) : null;
        IReadOnlyList<string> paths = SourceFiles.Of(data);
        if (shard is not null && !(paths.All(TableFormats.IsFile) && TableFormats.IsFile(to)))
            throw new UsageException("--shard: expected rows in files, and --to with a file.");
        CommandFiles files = Files(parsed, paths, shard, to);
        files.CheckPattern(data).Check();
        TableFormat format = TableFormats.OfInput(parsed.GetValue(_format), paths, TableFormat.Text);
        TableFormat toFormat = TableFormats.OfOutput(parsed.GetValue(_toFormat), to, format);
        var table = new RowWriting(_console, paths, format, toFormat);
        if (!TableFormats.IsFile(to) && table.IsWholeOnly)
        {
            throw new UsageException("--to: expected a file, for Parquet is written whole, found "
                + (to == TableFormats.Standard ? "standard output." : $"'{to}', a device or a pipe."));
        }
        _generator.CheckPlaces(parsed, toFormat);
        if (shard is not null)
            return RunPart(parsed, files, table, shard, to);
        using PartialFile? partial = TableFormats.IsFile(to) ? OpenPartial(parsed, paths, to) : null;
        using TextSource source = Open(parsed, files, table);
        if (partial is null)
        {
            bool isStandard = to == TableFormats.Standard;
            table.Write(source, new TableViewOptions(),
                writer => new StreamedTable(OpenStream(to), !isStandard, writer),
                hasBar: !isStandard || !_console.IsOutTerminal);
            return ExitCode.Done;
        }
        return table.Keep(source, to, partial, new TableViewOptions());
    }

    private int RunPart(ParseResult parsed, CommandFiles files, RowWriting table, RowShard shard, string to)
    {
        AtomicFile.CheckWritable(shard.PathOf(to));
        CommandSignature signature = new CommandSignature().Options(parsed, [_to, _shard, .. _generator.FileOptions]);
        using TextSource source = Open(parsed, files, table);
        var run = new ShardedRun(
            table.Manifest(source, _generator.SignLoaded(parsed, signature, source), shard.Count, to), shard, to);
        if (run.IsDone)
        {
            _console.Error.WriteLine($"{run.Part} is there already.");
            return ExitCode.Done;
        }
        using PartialFile partial = run.OpenPartial();
        return table.Keep(source, run.Part, partial, new TableViewOptions { Range = run.Range }, run);
    }

    private TextSource Open(ParseResult parsed, CommandFiles files, RowWriting table)
    {
        TextSource source = _generator.Open(parsed, Context.Make(_console, OptionWords.Of(parsed)));
        try
        {
            files.CheckOpen();
            table.Check(source);
            return source;
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    private CommandFiles Files(ParseResult parsed, IReadOnlyList<string> paths, RowShard? shard, string to)
    {
        var files = new CommandFiles();
        foreach (string path in paths)
            files.ReadRows("the rows", path);
        string target = shard?.PathOf(to) ?? to;
        _generator.AddFiles(parsed, files).WriteRows(shard is null ? "--to" : "the part", target);
        if (TableFormats.IsFile(to))
            files.Write("--to's partial file", PartialFile.PathFor(target));
        if (shard is not null)
        {
            files.Write("--to", to).Write("the run's manifest", RunManifest.PathFor(to))
                .Write("the part's record", PartRecord.PathFor(target));
        }
        return files;
    }

    private PartialFile OpenPartial(ParseResult parsed, IReadOnlyList<string> paths, string to)
    {
        AtomicFile.CheckWritable(to);
        CommandSignature signature =
            new CommandSignature().Options(parsed, [_to, .. _generator.FileOptions]).Content("rows", [.. paths]);
        return PartialFile.Open(to, _generator.Sign(parsed, signature).ToString());
    }

    private TextWriter OpenStream(string to) =>
        to == TableFormats.Standard ? _console.Out : new StreamWriter(to, append: false, TextFiles.Utf8);
}
