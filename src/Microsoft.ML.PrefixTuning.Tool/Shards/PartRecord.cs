using System;
using System.IO;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Shards;

/// <summary>That a part is done, beside its file, and what is needed to join it with others.</summary>
/// <param name="Run">Hash of the run that it belongs to.</param>
/// <param name="Index">Which part it is, from 0; null where a former version wrote it.</param>
/// <param name="Rows">Its rows.</param>
/// <param name="Bytes">Length of its file.</param>
/// <param name="Hash">SHA-256 of its file, hexadecimal.</param>
/// <param name="IsText">Whether a table is its rows' texts with those around them.</param>
/// <param name="Start">What stands in front of all rows.</param>
/// <param name="Between">What stands between two rows.</param>
/// <param name="End">What stands behind all rows.</param>
internal sealed record PartRecord(string Run, int? Index, long Rows, long Bytes, string Hash, bool IsText,
    string Start, string Between, string End)
{
    private const string Ending = ".done.json";

    /// <summary>The field that every part has and this one lacks; null for none.</summary>
    private string? Lacking => Hash is null ? nameof(Hash) : Start is null ? nameof(Start)
        : Between is null ? nameof(Between) : End is null ? nameof(End) : null;

    /// <summary>Where that of a part lies.</summary>
    public static string PathFor(string part) => TemporaryName.Beside(part, Ending);

    /// <summary>
    /// That of a part; null where it is not done, was done in another run, or is another part of the run under its
    /// name.
    /// </summary>
    /// <param name="whole">The file that the parts are for.</param>
    /// <param name="shard">Which part.</param>
    /// <param name="run">The run.</param>
    /// <exception cref="FormatException">It lacks what every part of the run has.</exception>
    public static PartRecord? Read(string whole, RowShard shard, RunManifest run)
    {
        string part = shard.PathOf(whole);
        string path = PathFor(part);
        if (!File.Exists(path) || !File.Exists(part))
            return null;
        try
        {
            PartRecord? found = JsonSerializer.Deserialize<PartRecord>(File.ReadAllText(path));
            if (found?.Run != run.Hash || found.Bytes != new FileInfo(part).Length
                || (found.Index is { } index && index != shard.Index))
                return null;
            return found.Lacking is not { } field ? found
                : throw new FormatException($"'{path}', {field}: expected a text, found none; delete it and run its"
                    + " part again.");
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Says that a part is done.</summary>
    /// <param name="whole">The file that the parts are for.</param>
    /// <param name="shard">Which part; its file is whole.</param>
    /// <param name="run">The run.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="table">What stands around rows.</param>
    public static void Write(string whole, RowShard shard, RunManifest run, long rows, TableWriter table)
    {
        string part = shard.PathOf(whole);
        var record = new PartRecord(run.Hash, shard.Index, rows, new FileInfo(part).Length, SourceFile.HashOf(part),
            table.IsText, table.Start, table.Between, table.End);
        AtomicFile.Write(PathFor(part), JsonSerializer.SerializeToUtf8Bytes(record));
    }
}
