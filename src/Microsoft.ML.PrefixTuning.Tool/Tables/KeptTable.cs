using System;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>
/// A table that becomes a file when all of its rows are there. Until then the former file stays as it was, and the rows
/// are kept beside it: the same command goes on with them.
/// </summary>
/// <param name="target">The file.</param>
/// <param name="rows">What a former run left of it; not owned.</param>
/// <param name="table">What stands around rows.</param>
/// <param name="completed">Called when they are in the file; the rows beside it are needed until it returns.</param>
internal sealed class KeptTable(string target, PartialFile rows, TableWriter table, Action completed) : ITableOutput
{
    public bool Has(TableRow row) => rows.Has(row);

    public void Add(TableRow row, string text) => rows.Add(row, text);

    public void Flush()
    {
        // A row is handed on when it is added.
    }

    public void Complete()
    {
        AtomicFile.Write(target, stream => table.WriteAll(stream, rows.Texts()));
        completed();
        rows.IsDone = true;
    }

    public void Dispose()
    {
        // The rows are needed by who tells of them.
    }
}
