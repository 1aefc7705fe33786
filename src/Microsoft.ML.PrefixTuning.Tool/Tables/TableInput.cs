using System;
using System.Collections.Generic;
using System.IO;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>Files of rows, which may be read again and again, or standard input, which may be read once.</summary>
/// <param name="paths">The files of the table, or <see cref="TableFormats.Standard"/>.</param>
/// <param name="format">Their format.</param>
/// <param name="textColumn">What the only column of <see cref="TableFormat.Text"/> is called.</param>
/// <param name="console">Has the standard input.</param>
internal sealed class TableInput(IReadOnlyList<string> paths, TableFormat format, string textColumn,
    ToolConsole console)
{
    private bool _isUsed;

    /// <summary>A table of one file.</summary>
    public TableInput(string path, TableFormat format, string textColumn, ToolConsole console)
        : this([path], format, textColumn, console)
    {
    }

    /// <summary>Its format.</summary>
    public TableFormat Format => format;

    /// <summary>How many rows each file has; null where nobody has counted them.</summary>
    public IReadOnlyList<long>? FileRows { get; init; }

    /// <summary>Starts at the first row.</summary>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="FormatException">It has no good header.</exception>
    /// <exception cref="InvalidOperationException">What can be read once was read before.</exception>
    public IRowReader Open() =>
        paths is [var path] ? OpenFile(path, null) : new JoinedReader(paths, OpenFile, FileRows);

    private IRowReader OpenFile(string path, IReadOnlyList<string>? columns)
    {
        bool isFile = TableFormats.IsFile(path);
        string name = isFile ? Path.GetFileName(path) : path == TableFormats.Standard ? "standard input" : path;
        if (!isFile && _isUsed)
        {
            throw new InvalidOperationException(
                $"{name}: expected to be read once, but this needs it twice; put the rows into a file.");
        }
        _isUsed = true;
        if (format == TableFormat.Parquet)
        {
            return isFile ? new ParquetReading(path, name) : throw new FormatException(
                $"{name}: expected a file, for Parquet is not read from its beginning to its end.");
        }
        if (isFile && FileHint.WithoutText(path) is { } other)
            throw new FormatException($"{name}: expected rows as {TableFormats.NameOf(format)}, found {other}.");
        TextReader text = path == TableFormats.Standard ? console.In : TextFiles.Open(path);
        return TableReader.Open(text, name, format, textColumn, columns);
    }
}
