using System.IO;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Shards;

/// <summary>That a part is done, beside its file, and what is needed to join it with others.</summary>
/// <param name="Run">Hash of the run that it belongs to.</param>
/// <param name="Rows">Its rows.</param>
/// <param name="Bytes">Length of its file.</param>
/// <param name="Hash">SHA-256 of its file, hexadecimal.</param>
/// <param name="IsText">Whether a table is its rows' texts with those around them.</param>
/// <param name="Start">What stands in front of all rows.</param>
/// <param name="Between">What stands between two rows.</param>
/// <param name="End">What stands behind all rows.</param>
internal sealed record PartRecord(string Run, long Rows, long Bytes, string Hash, bool IsText, string Start,
    string Between, string End)
{
    private const string Ending = ".done.json";

    /// <summary>Where that of a part lies.</summary>
    public static string PathFor(string part) => TemporaryName.Beside(part, Ending);

    /// <summary>That of a part; null where it is not done, or was done in another run.</summary>
    /// <param name="part">The part's file.</param>
    /// <param name="run">The run.</param>
    public static PartRecord? Read(string part, RunManifest run)
    {
        string path = PathFor(part);
        if (!File.Exists(path) || !File.Exists(part))
            return null;
        try
        {
            PartRecord? found = JsonSerializer.Deserialize<PartRecord>(File.ReadAllText(path));
            return found?.Run == run.Hash && found.Bytes == new FileInfo(part).Length ? found : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Says that a part is done.</summary>
    /// <param name="part">The part's file, whole.</param>
    /// <param name="run">The run.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="table">What stands around rows.</param>
    public static void Write(string part, RunManifest run, long rows, TableWriter table)
    {
        var record = new PartRecord(run.Hash, rows, new FileInfo(part).Length, SourceFile.HashOf(part), table.IsText,
            table.Start, table.Between, table.End);
        AtomicFile.Write(PathFor(part), JsonSerializer.SerializeToUtf8Bytes(record));
    }
}
