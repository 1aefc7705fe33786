using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Sweeps;

/// <summary>
/// The folder of a sweep: <c>sweep.json</c> says which sweep it is, <c>runs/</c> has state, model and result of each
/// run, and what is made of all of them lies beside it. Every file is written whole or not at all, and no two shards
/// write the same one, but for <c>sweep.json</c>, of which they write the same bytes.
/// </summary>
internal sealed class SweepFolder
{
    public const string ManifestName = "sweep.json", LinesName = "runs.jsonl", PageName = "report.html",
        BestName = "best.zip";

    private const string RunsName = "runs";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    private SweepFolder(string path, SweepManifest manifest) => (Path, Manifest) = (path, manifest);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Which sweep it is.</summary>
    public SweepManifest Manifest { get; }

    /// <summary>Makes the folder of a sweep, or finds it.</summary>
    /// <exception cref="InvalidOperationException">
    /// It has another sweep, or a file of no sweep where one would be written.
    /// </exception>
    public static SweepFolder Make(string path, SweepManifest manifest)
    {
        string full = System.IO.Path.GetFullPath(path), file = System.IO.Path.Combine(full, ManifestName);
        if (File.Exists(file) && ReadManifest(file).Difference(manifest) is { } difference)
            throw OfAnother(full, difference);
        // Asked for again: another shard may just have begun.
        if (!File.Exists(file) && Stranger(full) is { } stranger && !File.Exists(file))
        {
            throw new InvalidOperationException($"'{full}' has no {ManifestName}, so that '{stranger}' is not a"
                + " sweep's, and a sweep would write over it. Give another folder.");
        }
        WriteTarget.MakeFolder(full);
        // First of all files: what lies beside it is the sweep's from here on.
        if (!File.Exists(file))
            AtomicFile.Write(file, Bytes(manifest));
        Directory.CreateDirectory(System.IO.Path.Combine(full, RunsName));
        return new SweepFolder(full, manifest);
    }

    /// <summary>Opens the folder of a sweep that was begun.</summary>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    public static SweepFolder Open(string path)
    {
        string full = System.IO.Path.GetFullPath(path), file = System.IO.Path.Combine(full, ManifestName);
        return File.Exists(file) ? new SweepFolder(full, ReadManifest(file)) : throw new FileNotFoundException(
            $"'{full}': expected the folder of a sweep, found no {ManifestName} in it.", file);
    }

    /// <summary>Refuses the folder where its runs are not those of a plan; rows and base are not looked at.</summary>
    /// <exception cref="InvalidOperationException">They are not.</exception>
    public void Check(SweepPlan plan)
    {
        SweepManifest planned = Manifest with
        {
            Seeds = plan.Seeds,
            Halving = plan.Halving,
            Candidates = [.. plan.Candidates.Select(ManifestCandidate.Of)],
        };
        if (Manifest.Difference(planned) is { } difference)
            throw OfAnother(Path, difference);
    }

    /// <summary>A run as far as it is.</summary>
    public SweepRun Read(SweepRun run)
    {
        string file = FileOf(run, ".json");
        return File.Exists(file) ? Parse<SweepRun>(file) : run;
    }

    /// <summary>Keeps a run; the state of one that is done or stopped is given back.</summary>
    public void Write(SweepRun run)
    {
        AtomicFile.Write(FileOf(run, ".json"), JsonSerializer.SerializeToUtf8Bytes(run, Json));
        if (run.Status is SweepRunStatus.Done or SweepRunStatus.Stopped)
            File.Delete(StateOf(run));
    }

    public string StateOf(SweepRun run) => FileOf(run, ".state");

    public string ModelOf(SweepRun run) => System.IO.Path.Combine(Path, ModelName(run));

    /// <summary>A run's model within the folder; the same on every system.</summary>
    public static string ModelName(SweepRun run) => $"{RunsName}/{run.Number:D4}.zip";

    /// <summary>A run as a line.</summary>
    public static string Line(SweepRun run) => JsonSerializer.Serialize(run, Json);

    /// <summary>The runs of a file of lines.</summary>
    /// <exception cref="FormatException">A line is no run; the message names it.</exception>
    public static IEnumerable<SweepRun> ReadLines(string file) => File.ReadLines(file).Select((line, place) =>
        Parse<SweepRun>(Encoding.UTF8.GetBytes(line), $"'{file}', line {place + 1}"));

    /// <summary>Writes what is made of all runs: lines, page, best model.</summary>
    /// <returns>The best model's path; null where there is none.</returns>
    public string? WriteResults(IReadOnlyList<SweepRun> runs, string page, SweepRun? best)
    {
        var lines = new StringBuilder();
        foreach (SweepRun run in runs)
            lines.Append(Line(run)).Append('\n');
        AtomicFile.Write(System.IO.Path.Combine(Path, LinesName), Encoding.UTF8.GetBytes(lines.ToString()));
        AtomicFile.Write(System.IO.Path.Combine(Path, PageName), Encoding.UTF8.GetBytes(page));
        if (best?.Model is not { } model)
            return null;
        string target = System.IO.Path.Combine(Path, BestName);
        using FileStream source = File.OpenRead(System.IO.Path.Combine(Path, model));
        AtomicFile.Write(target, source.CopyTo);
        return target;
    }

    private static JsonSerializerOptions Indented { get; } = new(Json) { WriteIndented = true };

    /// <summary>A manifest as a file has it.</summary>
    public static byte[] Bytes(SweepManifest manifest) => JsonSerializer.SerializeToUtf8Bytes(manifest, Indented);

    /// <summary>The manifest in a file.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    /// <exception cref="NotSupportedException">It is of another format.</exception>
    public static SweepManifest ReadManifest(string file)
    {
        SweepManifest manifest = Parse<SweepManifest>(file);
        return manifest.Format == SweepManifest.Latest ? manifest : throw new NotSupportedException(
            $"'{file}': expected format {SweepManifest.Latest}, found {manifest.Format}.");
    }

    private static InvalidOperationException OfAnother(string folder, string difference) => new($"'{folder}' has the"
        + $" results of another sweep, which are untouched: {difference}. Give another folder.");

    /// <summary>A file of a name that a sweep writes; null where there is none.</summary>
    private static string? Stranger(string folder)
    {
        string runs = System.IO.Path.Combine(folder, RunsName);
        return ((string[])[LinesName, PageName, BestName]).FirstOrDefault(name =>
                System.IO.Path.Exists(System.IO.Path.Combine(folder, name)))
            ?? (Directory.Exists(runs) ? Directory.EnumerateFiles(runs).FirstOrDefault() : null);
    }

    private static T Parse<T>(string file) => Parse<T>(File.ReadAllBytes(file), $"'{file}'");

    private static T Parse<T>(ReadOnlySpan<byte> json, string place)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(json, Json)
                ?? throw new FormatException($"{place}: expected an object, found null.");
        }
        catch (JsonException fault)
        {
            throw new FormatException($"{place}: expected what a sweep writes there, found other JSON. "
                + fault.Message, fault);
        }
    }

    private string FileOf(SweepRun run, string ending) =>
        System.IO.Path.Combine(Path, RunsName, $"{run.Number:D4}{ending}");
}

/// <summary>Which sweep a folder has.</summary>
internal sealed record SweepManifest
{
    public const int Latest = 1;

    public int Format { get; init; } = Latest;

    /// <summary>Rows and base, a line <c>name: value</c> each.</summary>
    public required string Identity { get; init; }

    public required IReadOnlyList<int> Seeds { get; init; }

    public SuccessiveHalving? Halving { get; init; }

    public required IReadOnlyList<ManifestCandidate> Candidates { get; init; }

    /// <summary>The runs of the manifest, none of them begun.</summary>
    [JsonIgnore]
    public IEnumerable<SweepRun> Runs => Candidates.SelectMany((candidate, place) =>
        Seeds.Select((seed, number) => new SweepRun
        {
            Number = place * Seeds.Count + number + 1,
            Name = candidate.Name,
            Settings = candidate.Settings,
            Code = candidate.Code,
            Seed = seed,
        }));

    /// <summary>What differs from another sweep; null where they are the same.</summary>
    public string? Difference(SweepManifest other)
    {
        if (NamedValues.Parse(Identity).Difference(NamedValues.Parse(other.Identity), "there", "now") is { } named)
            return named;
        if (!Seeds.SequenceEqual(other.Seeds))
            return $"seeds: there {string.Join(", ", Seeds)}, now {string.Join(", ", other.Seeds)}";
        if (Halving != other.Halving)
            return $"halving: there {Halving?.ToString() ?? "none"}, now {other.Halving?.ToString() ?? "none"}";
        if (Candidates.Count != other.Candidates.Count)
            return $"candidates: there {Candidates.Count}, now {other.Candidates.Count}";
        return Candidates.Zip(other.Candidates, (there, now) => there.Key == now.Key ? null
            : $"a candidate: there {there.Key}, now {now.Key}").FirstOrDefault(difference => difference is not null);
    }
}

/// <summary>A candidate as a folder has it.</summary>
internal sealed record ManifestCandidate(string Name, IReadOnlyDictionary<string, string> Settings)
{
    public int? Rows { get; init; }

    /// <summary>Its options as C#, which name all that is not a default.</summary>
    public required string Code { get; init; }

    public string? Command { get; init; }

    /// <summary>What must be equal.</summary>
    [JsonIgnore]
    public string Key => Name + (Rows is int rows ? $", {rows} rows" : "") + $": {Code}";

    public static ManifestCandidate Of(SweepCandidate candidate) => new(candidate.Name, candidate.Settings)
    {
        Rows = candidate.Rows,
        Code = OptionCode.Of(candidate.Options),
        Command = candidate.Command,
    };
}
