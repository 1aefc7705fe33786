using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Tool.Shards;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>The rows of a table, or some of them, through a model into another table.</summary>
/// <param name="console">Has the standard input, and takes what is told.</param>
/// <param name="paths">The files of the table that is read.</param>
/// <param name="format">Their format.</param>
/// <param name="toFormat">That of the table that is written.</param>
internal sealed class RowWriting(ToolConsole console, IReadOnlyList<string> paths, TableFormat format,
    TableFormat toFormat)
{
    /// <summary>Time between two lines about the rows that are written.</summary>
    public TimeSpan Interval { get; init; } = WritingDisplay.UsualInterval;

    /// <summary>Whether the table that is written exists only whole.</summary>
    public bool IsWholeOnly => toFormat == TableFormat.Parquet;

    /// <summary>Refuses a model whose texts the table has no place for, as far as that shows without rows.</summary>
    /// <exception cref="UsageException">It is so.</exception>
    public void Check(TextSource source)
    {
        // A later step of a chain may drop columns.
        if (source.Model == source.Tuned)
            AddedColumn.Check(toFormat, source.Added);
    }

    /// <summary>What all parts of a run have in common; that of the run where it has begun.</summary>
    /// <param name="source">Writes the texts.</param>
    /// <param name="signature">Model and options.</param>
    /// <param name="parts">How many parts there are.</param>
    /// <param name="to">The file that they are for.</param>
    public RunManifest Manifest(TextSource source, CommandSignature signature, int parts, string to)
    {
        var command = signature.Add("format", $"{format} to {toFormat}").Values
            .ToDictionary(one => one.Key, one => one.Value);
        SourceFile[] files = SourceFile.Of(paths, RunManifest.Read(to)?.Files ?? [],
            path => new TableInput(path, format, source.Tuned.InputColumnName, console).Open());
        return new RunManifest(parts, command, files).Join(to);
    }

    /// <summary>Writes a file when all rows are there; until then they are kept beside it.</summary>
    /// <param name="source">Writes the texts.</param>
    /// <param name="target">The file.</param>
    /// <param name="partial">The rows that are there.</param>
    /// <param name="options">Which rows.</param>
    /// <param name="run">The run whose part the file is; null for a whole table.</param>
    public int Keep(TextSource source, string target, PartialFile partial, TableViewOptions options,
        ShardedRun? run = null)
    {
        var watch = Stopwatch.StartNew();
        // A signal ends the process all the same: no row that was handed on is lost.
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, _ => Tell());
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => Tell());
        try
        {
            Write(source, options with { IsDone = partial.Has },
                writer => new KeptTable(target, partial, writer, () => run?.Complete(partial.Rows, writer)),
                run?.FileRows);
        }
        catch
        {
            Tell();
            throw;
        }
        console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{CountText.Of(partial.Rows, "row")} written to {target} in {watch.Elapsed.TotalSeconds:F1} s."));
        return ExitCode.Done;

        void Tell()
        {
            if (!partial.IsEmpty)
            {
                console.Error.WriteLine(
                    $"Rows that were written are kept in {partial.Path}; the same command goes on with them.");
            }
        }
    }

    /// <summary>Writes rows one after the other, and shows how many there are.</summary>
    /// <param name="source">Writes the texts.</param>
    /// <param name="options">Which rows.</param>
    /// <param name="open">Takes them.</param>
    /// <param name="fileRows">How many rows each file has; null where nobody has counted them.</param>
    /// <param name="hasBar">Whether a terminal has room for a bar.</param>
    public void Write(TextSource source, TableViewOptions options, Func<TableWriter, ITableOutput> open,
        IReadOnlyList<long>? fileRows = null, bool hasBar = true)
    {
        var display = new WritingDisplay(console)
        {
            Total = fileRows is not null ? options.Range.End - options.Range.First
                : paths.All(TableFormats.IsFile) ? Count(source) : null,
            HasBar = hasBar,
            Interval = Interval,
        };
        display.Run(() => Write(source, options, open, fileRows, display));
    }

    private void Write(TextSource source, TableViewOptions options, Func<TableWriter, ITableOutput> open,
        IReadOnlyList<long>? fileRows, WritingDisplay display)
    {
        // Rows that were read and not yet written: as many as the look-ahead at most.
        var pending = new Queue<TableRow>();
        var input = new TableInput(paths, format, source.Tuned.InputColumnName, console) { FileRows = fileRows };
        using var view = new TextTableView(input, options with { RowRead = pending.Enqueue });
        // JSON without an object has no columns either.
        if (!view.IsEmpty)
            source.CheckColumns(paths[0], view.Columns);
        IDataView written = view.IsEmpty ? view : source.Model.Transform(view);
        AddedTexts added = AddedTexts.Of(view.Schema, written.Schema, source.WrittenColumns);
        AddedColumn[] columns = view.IsEmpty ? [.. source.Added] : [.. added.Columns
            .Select(column => column with { IsSingle = column.Name == source.ErrorColumnName })];
        AddedColumn.Check(toFormat, columns);
        TableWriter table = view.IsEmpty ? TableWriter.Make(toFormat, [source.Tuned.InputColumnName], columns)
            : TableWriter.Make(toFormat, view.Columns, columns, view.Kinds);
        TellFormer([.. columns.SelectMany(column => column.Former(view.Columns))]);
        using ITableOutput output = open(table);
        using DataViewRowCursor cursor = written.GetRowCursor(added.Needed);
        Func<string[]>[] readers = added.GetReaders(cursor);
        while (cursor.MoveNext())
        {
            TableRow row = pending.Dequeue();
            output.Add(row, table.Row(row, [.. readers.Select(read => read())]));
            display.Add(cursor.Position + 1 - options.Range.First);
            if (pending.Count == 0)
                output.Flush();
        }
        output.Complete();
    }

    private void TellFormer(string[] former)
    {
        if (former.Length > 0)
        {
            console.Error.WriteLine("prefix-tune: warning: the rows' columns "
                + $"{string.Join(", ", former.Select(name => $"'{name}'"))} are taken for further texts of a former"
                + " run: they are replaced, or left out where there are fewer now.");
        }
    }

    /// <summary>Rows of the files; null where one is not good to its end: that is told when it is read.</summary>
    private long? Count(TextSource source)
    {
        try
        {
            using IRowReader reader = new TableInput(paths, format, source.Tuned.InputColumnName, console).Open();
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
}
