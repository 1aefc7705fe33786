using System.IO;

namespace Microsoft.ML.PrefixTuning.Tool.Tables;

/// <summary>A table that is read while it is written: standard output, a pipe or a device.</summary>
internal sealed class StreamedTable : ITableOutput
{
    private readonly TextWriter _writer;
    private readonly TableWriter _table;
    private readonly bool _isOwned;
    private bool _hasRows;

    /// <param name="writer">Takes the text.</param>
    /// <param name="isOwned">Whether it is closed with this.</param>
    /// <param name="table">What stands around rows.</param>
    public StreamedTable(TextWriter writer, bool isOwned, TableWriter table)
    {
        (_writer, _isOwned, _table) = (writer, isOwned, table);
        _writer.Write(table.Start);
    }

    public bool Has(TableRow row) => false;

    public void Add(TableRow row, string text)
    {
        if (_hasRows)
            _writer.Write(_table.Between);
        _hasRows = true;
        _writer.Write(text);
    }

    public void Flush() => _writer.Flush();

    public void Complete()
    {
        _writer.Write(_table.End);
        Flush();
    }

    public void Dispose()
    {
        Flush();
        if (_isOwned)
            _writer.Dispose();
    }
}
