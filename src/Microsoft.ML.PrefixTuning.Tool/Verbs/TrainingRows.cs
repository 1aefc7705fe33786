using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>Opens tables of rows to train on.</summary>
/// <param name="verb">Which verb asks, for messages.</param>
/// <param name="input">Column that is read.</param>
/// <param name="texts">Columns beside it; they may have several texts a row.</param>
/// <param name="console">Has the standard input.</param>
internal sealed class TrainingRows(string verb, string input, IReadOnlyList<string> texts, ToolConsole console)
{
    /// <summary>Opens one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="format">Its format, where its name does not tell.</param>
    public TextTableView Open(string path, TableFormat? format)
    {
        if (TableFormats.IsFile(path) && !File.Exists(path))
            throw new FileNotFoundException($"'{path}': expected a file of rows, found nothing.", path);
        TableFormat found = TableFormats.OfInput(format, path, TableFormat.Tsv);
        if (found == TableFormat.Text)
        {
            throw new UsageException(
                $"{verb}: expected rows with columns (tsv, csv, jsonl or json), found the format 'text'.");
        }
        var view = new TextTableView(new TableInput(path, found, TextSource.DefaultInput, console),
            new TableViewOptions { Several = [.. texts.Except([input])] });
        foreach (string column in texts.Prepend(input))
            TableColumns.Find(view.Columns, column);
        return view;
    }
}
