using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Shards;

/// <summary>A file of rows, as a run has found it.</summary>
/// <param name="Name">Its name, without its folder: that may be another one on each machine.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Written">When it was written last, UTC, in ticks.</param>
/// <param name="Rows">Its rows.</param>
/// <param name="Hash">SHA-256 of its content, hexadecimal.</param>
internal sealed record SourceFile(string Name, long Bytes, long Written, long Rows, string Hash)
{
    /// <summary>Counts and hashes files, each once in a run: one with the same length and time was looked at.</summary>
    /// <param name="paths">The files.</param>
    /// <param name="known">What the run knows of them; empty at its begin.</param>
    /// <param name="open">Opens one of them.</param>
    public static SourceFile[] Of(IReadOnlyList<string> paths, IReadOnlyList<SourceFile> known,
        Func<string, IRowReader> open) => [.. paths.Select((path, place) =>
        {
            var file = new FileInfo(path);
            SourceFile found = new(file.Name, file.Length, file.LastWriteTimeUtc.Ticks, 0, "");
            return known.ElementAtOrDefault(place) is { } before
                && before with { Rows = 0, Hash = "" } == found ? before
                : found with { Rows = Count(path, open), Hash = HashOf(path) };
        })];

    /// <summary>SHA-256 of a file's content, hexadecimal.</summary>
    public static string HashOf(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private static long Count(string path, Func<string, IRowReader> open)
    {
        using IRowReader reader = open(path);
        long rows = 0;
        while (reader.Read() is not null)
            rows++;
        return rows;
    }
}
