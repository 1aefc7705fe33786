using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>How rows are written in a file.</summary>
internal enum TableFormat
{
    /// <summary>A header line, then a line a row; fields between tabs, nothing quoted.</summary>
    Tsv,

    /// <summary>A header line, then rows as RFC 4180 has them.</summary>
    Csv,

    /// <summary>A JSON object a line.</summary>
    Jsonl,

    /// <summary>An array of JSON objects.</summary>
    Json,

    /// <summary>No header; a line is a row of one text.</summary>
    Text,

    /// <summary>Columns with types, in groups of rows.</summary>
    Parquet,
}

/// <summary>Which format a file has.</summary>
internal static class TableFormats
{
    /// <summary>The name of standard input or output where a file may be named.</summary>
    public const string Standard = "-";

    private static readonly (string Ending, TableFormat Format)[] Endings =
    [
        (".tsv", TableFormat.Tsv), (".tab", TableFormat.Tsv), (".csv", TableFormat.Csv), (".jsonl", TableFormat.Jsonl),
        (".ndjson", TableFormat.Jsonl), (".json", TableFormat.Json), (".txt", TableFormat.Text),
        (".parquet", TableFormat.Parquet),
    ];

    /// <summary>All of them.</summary>
    public static IReadOnlyList<TableFormat> All { get; } = Enum.GetValues<TableFormat>();

    /// <summary>Those of rows with several columns.</summary>
    public static IReadOnlyList<TableFormat> WithColumns { get; } = [.. All.Except([TableFormat.Text])];

    /// <summary>Names of the formats, as the options take them.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.Select(NameOf)];

    /// <summary>Whether a path is that of a file, and not of standard input or output, a pipe or a device.</summary>
    public static bool IsFile(string path) => path != Standard && FileStatus.Of(path)?.Kind != FileKind.Device;

    /// <summary>
    /// The format of rows that are read: what the option says, else the ending of the file or pipe, else a file's
    /// content where that is JSON.
    /// </summary>
    /// <param name="given">The option's value, or null.</param>
    /// <param name="path">The file, which must be there.</param>
    /// <param name="otherwise">That of what is no file and has no such ending.</param>
    /// <param name="expected">Those that are read, for the message; null for all.</param>
    /// <exception cref="FileNotFoundException">The file is not there, or is a folder.</exception>
    /// <exception cref="UsageException">The file does not tell.</exception>
    public static TableFormat OfInput(TableFormat? given, string path, TableFormat otherwise,
        IReadOnlyList<TableFormat>? expected = null)
    {
        SourceFiles.CheckThere(path);
        if (given is { } format)
            return format;
        // What a pipe holds is not looked at: it can be read once.
        if (!IsFile(path))
            return FromEnding(path) ?? otherwise;
        // Many a file of this ending holds lines.
        return (FromEnding(path) is { } known and not TableFormat.Json ? known : FromContent(path))
            ?? throw Unknown(path, FirstLetter(path) is null ? "an empty file" : "rows that are no JSON objects",
                "--format", expected ?? All);
    }

    /// <summary>
    /// The format of the files of one table, which is one. A file without a word says nothing of it where its ending
    /// does not.
    /// </summary>
    /// <inheritdoc cref="OfInput(TableFormat?, string, TableFormat, IReadOnlyList{TableFormat})"/>
    /// <param name="given">The option's value, or null.</param>
    /// <param name="paths">The files, at least one.</param>
    /// <param name="otherwise">That of what is no file and has no such ending.</param>
    /// <exception cref="UsageException">A file does not tell, or two have different formats.</exception>
    public static TableFormat OfInput(TableFormat? given, IReadOnlyList<string> paths, TableFormat otherwise)
    {
        if (given is not null)
            return OfInput(given, paths[0], otherwise);
        string[] telling = [.. paths.Where(path => !IsFile(path) || FromEnding(path) is not (null or TableFormat.Json)
            || FirstLetter(path) is not null)];
        if (telling.Length == 0)
            return OfInput(null, paths[0], otherwise);
        TableFormat first = OfInput(null, telling[0], otherwise);
        foreach (string path in telling.Skip(1))
        {
            TableFormat found = OfInput(null, path, otherwise);
            if (found != first)
            {
                throw new UsageException($"'{path}': expected the format of '{telling[0]}', {NameOf(first)}, or"
                    + $" --format with the one that all files have; found {NameOf(found)}.");
            }
        }
        return first;
    }

    /// <summary>The format of rows that are written: what the option says, else the ending.</summary>
    /// <param name="given">The option's value, or null.</param>
    /// <param name="path">The file.</param>
    /// <param name="otherwise">That of what is no file and has no such ending.</param>
    /// <exception cref="UsageException">The file's name does not tell.</exception>
    public static TableFormat OfOutput(TableFormat? given, string path, TableFormat otherwise) =>
        IsFile(path) && Directory.Exists(path)
            ? throw new UsageException($"'{path}': expected the name of a file to write, found a folder.")
        : given ?? FromEnding(path)
            ?? (IsFile(path) ? throw Unknown(path, "another one", "--to-format", All) : otherwise);

    /// <summary>Whether a name ends as a table's does.</summary>
    public static bool HasEnding(string path) => FromEnding(path) is not null;

    private static TableFormat? FromEnding(string path)
    {
        string ending = Path.GetExtension(path);
        int found = Array.FindIndex(Endings, known => known.Ending.Equals(ending, StringComparison.OrdinalIgnoreCase));
        return found >= 0 ? Endings[found].Format : null;
    }

    private static TableFormat? FromContent(string path) =>
        FirstLetter(path) switch { '[' => TableFormat.Json, '{' => TableFormat.Jsonl, _ => null };

    private static char? FirstLetter(string path)
    {
        using var reader = new StreamReader(path);
        int first = reader.Read();
        while (first >= 0 && char.IsWhiteSpace((char)first))
            first = reader.Read();
        return first < 0 ? null : (char)first;
    }

    private static UsageException Unknown(string path, string found, string option,
        IReadOnlyList<TableFormat> expected)
    {
        IEnumerable<string> formats = expected
            .Select(format => $"{NameOf(format)} ({string.Join(", ", EndingsOf(format))})");
        return new UsageException($"'{path}': expected an ending that tells the format, one of "
            + $"{string.Join(", ", formats)}, or {option} with one of these names; found {found}.");
    }

    private static IEnumerable<string> EndingsOf(TableFormat format) =>
        Endings.Where(known => known.Format == format).Select(known => known.Ending);

    /// <summary>Names of formats as words: <c>tsv, csv or json</c>.</summary>
    public static string InWords(IReadOnlyList<TableFormat> formats) =>
        $"{string.Join(", ", formats.SkipLast(1).Select(NameOf))} or {NameOf(formats[^1])}";

    /// <summary>A format's name, as the options take it.</summary>
    public static string NameOf(TableFormat format) => format.ToString().ToLowerInvariant();
}
