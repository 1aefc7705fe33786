using System.IO;

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

    /// <summary>No header; a line is a row of one text.</summary>
    Text,
}

/// <summary>Which format a file has.</summary>
internal static class TableFormats
{
    /// <summary>The name of standard input or output where a file may be named.</summary>
    public const string Standard = "-";

    /// <summary>What the options say, else what the file's name says.</summary>
    /// <param name="given">The option's value, or null.</param>
    /// <param name="path">The file; null or <see cref="Standard"/> for none.</param>
    /// <param name="otherwise">Where neither says anything.</param>
    public static TableFormat Of(TableFormat? given, string? path, TableFormat otherwise) =>
        given ?? FromName(path) ?? otherwise;

    private static TableFormat? FromName(string? path) => Path.GetExtension(path)?.ToUpperInvariant() switch
    {
        ".TSV" or ".TAB" => TableFormat.Tsv,
        ".CSV" => TableFormat.Csv,
        ".JSONL" or ".NDJSON" => TableFormat.Jsonl,
        ".TXT" => TableFormat.Text,
        _ => null,
    };
}
