using System;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Shards;

/// <summary>The parts of a run as one file: the bytes that a run of one part has.</summary>
internal static class PartMerge
{
    private const int BufferBytes = 1 << 20;

    /// <summary>Numbers of the parts that are not done.</summary>
    /// <param name="whole">The file that the parts are for.</param>
    /// <param name="count">How many parts there are.</param>
    /// <param name="run">The run; null where none has begun.</param>
    public static int[] Missing(string whole, int count, RunManifest? run) => [.. RowShard.All(count)
        .Where(shard => run is null || PartRecord.Read(whole, shard, run) is null).Select(shard => shard.Index)];

    /// <summary>Writes the file from its parts.</summary>
    /// <param name="whole">The file.</param>
    /// <param name="run">The run, all of whose parts are done.</param>
    /// <exception cref="FormatException">A part is not as it was written.</exception>
    public static void Join(string whole, RunManifest run)
    {
        Part[] parts = [.. RowShard.All(run.Parts).Select(shard => Read(shard, whole, run))];
        AtomicFile.Write(whole, stream =>
        {
            if (parts[0].Record.IsText)
                JoinTexts(stream, parts);
            else
                JoinGroups(stream, parts);
        });
    }

    private static Part Read(RowShard shard, string whole, RunManifest run)
    {
        string path = shard.PathOf(whole);
        PartRecord record = PartRecord.Read(whole, shard, run)
            ?? throw new FormatException($"'{path}': expected a part that is done, found none.");
        (long first, long end) = shard.RowsOf(run.Rows);
        return record.Rows == end - first ? new Part(path, record)
            : throw new FormatException($"'{path}': expected {end - first} rows, found {record.Rows}.");
    }

    private static void JoinGroups(Stream stream, Part[] parts)
    {
        foreach (Part part in parts)
            Check(part, SourceFile.HashOf(part.Path));
        ParquetTableWriter.Like(parts[0].Path).Join(stream, parts.Select(part => part.Path));
    }

    private static void JoinTexts(Stream stream, Part[] parts)
    {
        PartRecord first = parts[0].Record;
        Write(first.Start);
        bool isFirst = true;
        foreach (Part part in parts)
        {
            if (part.Record.Rows > 0 && !isFirst)
                Write(first.Between);
            isFirst &= part.Record.Rows == 0;
            Copy(part, stream);
        }
        Write(first.End);

        void Write(string text) => stream.Write(Encoding.UTF8.GetBytes(text));
    }

    /// <summary>Copies the rows of a part; what was copied is good only if this returns.</summary>
    private static void Copy(Part part, Stream target)
    {
        long first = Encoding.UTF8.GetByteCount(part.Record.Start);
        long end = part.Record.Bytes - Encoding.UTF8.GetByteCount(part.Record.End);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using FileStream source = File.OpenRead(part.Path);
        byte[] buffer = new byte[BufferBytes];
        long place = 0;
        for (int read; (read = source.Read(buffer)) > 0; place += read)
        {
            hash.AppendData(buffer, 0, read);
            int from = (int)Math.Clamp(first - place, 0, read), to = (int)Math.Clamp(end - place, from, read);
            target.Write(buffer, from, to - from);
        }
        Check(part, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    private static void Check(Part part, string hash)
    {
        if (hash != part.Record.Hash)
        {
            throw new FormatException($"'{part.Path}': expected the content with the hash {part.Record.Hash}, found"
                + $" {hash}. It was altered; delete it and run its part again.");
        }
    }

    private sealed record Part(string Path, PartRecord Record);
}
