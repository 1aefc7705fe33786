using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>Texts, one a line, with files of references.</summary>
internal static class ReferenceFiles
{
    /// <summary>Puts texts and references together.</summary>
    /// <param name="files">The file of texts, then files of references.</param>
    /// <param name="format">The format that the command line gives all of them, or null.</param>
    /// <param name="blocks">
    /// Whether a text's references are lines up to a blank one; else each file has one a line.
    /// </param>
    /// <param name="console">Has the standard input.</param>
    /// <exception cref="UsageException">
    /// A file has something else than lines of text, two are standard input, or one is where standard output goes.
    /// </exception>
    /// <exception cref="FormatException">A file has references for more or fewer texts.</exception>
    public static List<EvaluationRow> Read(IReadOnlyList<string> files, TableFormat? format, bool blocks,
        ToolConsole console)
    {
        string outputs = files[0];
        CommandFiles named = new CommandFiles().ReadRows("the texts", outputs);
        for (int i = 1; i < files.Count; i++)
            named.ReadRows($"file {i} of references", files[i]);
        named.Check();
        List<string> texts = ReadLines(outputs, format, console);
        List<string>[] found = [.. texts.Select(_ => new List<string>())];
        foreach (string path in files.Skip(1))
        {
            List<string> lines = ReadLines(path, format, console);
            List<List<string>> sets = blocks ? Blocks(lines) : [.. lines.Select(line => new List<string> { line })];
            if (sets.Count != texts.Count)
            {
                string hint = !blocks && Blocks(lines).Count == texts.Count ? " With --reference-blocks it fits." : "";
                throw new FormatException(
                    $"'{path}': expected references for {texts.Count} texts, as '{outputs}' has, found"
                        + $" {sets.Count}.{hint}");
            }
            for (int i = 0; i < sets.Count; i++)
                found[i].AddRange(sets[i]);
        }
        return [.. texts.Select((text, i) => new EvaluationRow { Output = text, References = [.. found[i]] })];
    }

    private static List<List<string>> Blocks(List<string> lines)
    {
        var blocks = new List<List<string>>();
        bool isOpen = false;
        foreach (string line in lines)
        {
            if (line.Length == 0)
            {
                isOpen = false;
                continue;
            }
            if (!isOpen)
                blocks.Add([]);
            blocks[^1].Add(line);
            isOpen = true;
        }
        return blocks;
    }

    private static List<string> ReadLines(string path, TableFormat? format, ToolConsole console)
    {
        if (TableFormats.OfInput(format, path, TableFormat.Text) is var found and not TableFormat.Text)
            throw new UsageException($"'{path}': expected a text a line, found {TableFormats.NameOf(found)}; "
                + "a table goes with --label, which names the column of the references.");
        using IRowReader reader = new TableInput(path, TableFormat.Text, TextSource.DefaultInput, console).Open();
        var lines = new List<string>();
        while (reader.Read() is { } row)
            lines.Add(row.Text(0));
        return lines;
    }
}
