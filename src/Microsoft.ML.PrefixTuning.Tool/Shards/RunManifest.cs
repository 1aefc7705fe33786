using System;
using System.Collections.Generic;
using System.Globalization;
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

    /// <summary>What a file has that no run writes: the field, what is expected there and what is found.</summary>
    private string? Fault
    {
        get
        {
            if (Parts is < 1 or > RowShard.Most)
                return string.Create(CultureInfo.InvariantCulture,
                    $"Parts: expected 1 to {RowShard.Most}, found {Parts}");
            if (Command is null || Command.Values.Any(value => value is null))
                return "Command: expected a text under each name, found none";
            if (Files is null)
                return "Files: expected the files of the rows, found none";
            int nameless = Files.ToList().FindIndex(file => file is not { Name: not null, Hash: not null });
            if (nameless >= 0)
                return $"Files[{nameless}]: expected a file's Name and Hash, found none";
            // Their sum is a number of rows, too.
            int uncounted = Files.ToList().FindIndex(file => file.Rows < 0 || file.Rows > long.MaxValue / Files.Count);
            return uncounted < 0 ? null : string.Create(CultureInfo.InvariantCulture,
                $"Files[{uncounted}].Rows: expected a number of rows, found {Files[uncounted].Rows}");
        }
    }

    /// <summary>Where that of a run lies.</summary>
    /// <param name="whole">The file that the parts are for.</param>
    public static string PathFor(string whole) => TemporaryName.Beside(whole, Ending);

    /// <summary>That of a run; null where none has begun.</summary>
    /// <param name="whole">The file that the parts are for.</param>
    /// <exception cref="FormatException">The file is another one, or lacks something.</exception>
    public static RunManifest? Read(string whole)
    {
        string path = PathFor(whole);
        if (!File.Exists(path))
            return null;
        RunManifest? found = null;
        try
        {
            found = JsonSerializer.Deserialize<RunManifest>(File.ReadAllText(path));
        }
        catch (JsonException)
        {
            // As one that has nothing.
        }
        if (found is null)
        {
            throw new FormatException(
                $"'{path}': expected what a run in parts wrote, found another file; move it away.");
        }
        return found.Fault is { } fault ? throw new FormatException($"'{path}', {fault}; move it away.") : found;
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
