using System.IO;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>
/// A table that becomes a file when all of its rows are there. Until then the former file stays as it was, and the rows
/// are kept beside it: the same command goes on with them.
/// </summary>
/// <param name="target">The file.</param>
/// <param name="rows">What a former run left of it; not owned.</param>
/// <param name="table">What stands around rows.</param>
internal sealed class KeptTable(string target, PartialFile rows, TableWriter table) : ITableOutput
{
    public bool Has(TableRow row) => rows.Has(row);

    public void Add(TableRow row, string text) => rows.Add(row, text);

    public void Flush()
    {
        // A row is handed on when it is added.
    }

    public void Complete()
    {
        AtomicFile.Write(target, Write);
        rows.IsDone = true;
    }

    public void Dispose()
    {
        // The rows are needed by who tells of them.
    }

    private void Write(Stream stream)
    {
        using var writer = new StreamWriter(stream, TextFiles.Utf8, bufferSize: -1, leaveOpen: true);
        writer.Write(table.Start);
        bool isFirst = true;
        foreach (string text in rows.Texts())
        {
            if (!isFirst)
                writer.Write(table.Between);
            isFirst = false;
            writer.Write(text);
        }
        writer.Write(table.End);
    }
}
