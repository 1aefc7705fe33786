using System;
using System.IO;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>A file of rows, which may be read again and again, or standard input, which may be read once.</summary>
/// <param name="path">The file, or <see cref="TableFormats.Standard"/>.</param>
/// <param name="format">Its format.</param>
/// <param name="textColumn">What the only column of <see cref="TableFormat.Text"/> is called.</param>
/// <param name="console">Has the standard input.</param>
internal sealed class TableInput(string path, TableFormat format, string textColumn, ToolConsole console)
{
    private bool _isUsed;

    /// <summary>Its format.</summary>
    public TableFormat Format => format;

    /// <summary>Starts at the first row.</summary>
    /// <exception cref="FileNotFoundException">The file is missing.</exception>
    /// <exception cref="FormatException">It has no good header.</exception>
    /// <exception cref="InvalidOperationException">What can be read once was read before.</exception>
    public TableReader Open()
    {
        bool isFile = TableFormats.IsFile(path);
        string name = isFile ? Path.GetFileName(path) : path == TableFormats.Standard ? "standard input" : path;
        if (!isFile && _isUsed)
        {
            throw new InvalidOperationException(
                $"{name}: expected to be read once, but this needs it twice; put the rows into a file.");
        }
        _isUsed = true;
        TextReader text = path == TableFormats.Standard ? console.In : new StreamReader(path, TextFiles.Utf8);
        return TableReader.Open(text, name, format, textColumn);
    }
}
