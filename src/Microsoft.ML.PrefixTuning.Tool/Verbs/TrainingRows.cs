using System.Collections.Generic;
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
        TableFormat found = TableFormats.OfInput(format, path, TableFormat.Tsv, TableFormats.WithColumns);
        if (!TableFormats.WithColumns.Contains(found))
        {
            string expected = TableFormats.InWords(TableFormats.WithColumns);
            throw new UsageException(
                $"{verb}: expected rows with columns ({expected}), found the format '{TableFormats.NameOf(found)}'.");
        }
        var view = new TextTableView(new TableInput(path, found, TextSource.DefaultInput, console),
            new TableViewOptions { Several = [.. texts.Except([input])] });
        foreach (string column in texts.Prepend(input))
            TableColumns.Find(view.Columns, column, path);
        return view;
    }
}
