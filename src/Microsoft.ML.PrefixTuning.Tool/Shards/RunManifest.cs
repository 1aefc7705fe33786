using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Tool.Shards;

/// <summary>
/// What all parts of a run have in common, beside the file that they are for. The first task that comes writes it; the
/// others must be of the same run.
/// </summary>
/// <param name="Parts">How many parts there are.</param>
/// <param name="Command">Model, options and precision, each under its name.</param>
/// <param name="Files">The rows.</param>
internal sealed record RunManifest(int Parts, IReadOnlyDictionary<string, string> Command,
    IReadOnlyList<SourceFile> Files)
{
    private const string Ending = ".run.json";

    /// <summary>All rows.</summary>
    public long Rows => Files.Sum(file => file.Rows);

    /// <summary>A hash of the run, hexadecimal: what was made by another one has another.</summary>
    public string Hash => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Values.ToString())));

    private NamedValues Values => new(
    [
        NamedValue.Number("parts", Parts),
        .. Command.OrderBy(one => one.Key, StringComparer.Ordinal).Select(one => NamedValue.Named(one.Key, one.Value)),
        NamedValue.Named("files", string.Join(' ', Files.Select(file => file.Name))),
        NamedValue.Number("rows", Rows),
        NamedValue.Named("content", string.Join(' ', Files.Select(file => file.Hash))),
    ]);

    /// <summary>Where that of a run lies.</summary>
    /// <param name="whole">The file that the parts are for.</param>
    public static string PathFor(string whole) => TemporaryName.Beside(whole, Ending);

    /// <summary>That of a run; null where none has begun.</summary>
    /// <param name="whole">The file that the parts are for.</param>
    /// <exception cref="FormatException">The file is another one.</exception>
    public static RunManifest? Read(string whole)
    {
        string path = PathFor(whole);
        if (!File.Exists(path))
            return null;
        try
        {
            var found = JsonSerializer.Deserialize<RunManifest>(File.ReadAllText(path));
            if (found is { Command: not null, Files: not null })
                return found;
        }
        catch (JsonException)
        {
            // As one that lacks something.
        }
        throw new FormatException($"'{path}': expected what a run in parts wrote, found another file; move it away.");
    }

    /// <summary>Begins a run, or takes part in the one that has begun.</summary>
    /// <param name="whole">The file that the parts are for.</param>
    /// <returns>The run's manifest.</returns>
    /// <exception cref="InvalidOperationException">Another run has begun.</exception>
    public RunManifest Join(string whole)
    {
        string path = PathFor(whole);
        if (Read(whole) is null)
            Create(path);
        RunManifest begun = Read(whole) ?? this;
        return begun.Values.Difference(Values, "it has", "now it is") is { } difference
            ? throw new InvalidOperationException($"'{path}': expected the run that has begun, found another one:"
                + $" {difference}. Give what was given then, or another --to; to begin anew, delete this file and the"
                + " parts beside it.")
            : begun;
    }

    // Several tasks may begin at once: one of them is the first.
    private void Create(string path)
    {
        string temporary = TemporaryName.Make(Path.GetFullPath(path));
        AtomicFile.Write(temporary, JsonSerializer.SerializeToUtf8Bytes(this));
        try
        {
            File.Move(temporary, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(temporary);
        }
    }
}
