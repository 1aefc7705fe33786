using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.ML.PrefixTuning.Checkpoints.Peft;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Tool.Serving;

/// <summary>
/// A folder whose prefix files and PEFT adapters are served under their names, as they come, change and go. What is to
/// be taken is put there whole, by renaming it: it is looked at twice, and taken when it lay there unchanged meanwhile.
/// Links are passed over. One thread at a time.
/// </summary>
/// <param name="folder">The folder.</param>
/// <param name="models">Takes the prefixes; those that were there before stay.</param>
/// <param name="read">Reads the prefix of a name at a path.</param>
/// <param name="log">Says what was taken and what was not.</param>
internal sealed class WatchedFolder(string folder, ServedModels models, Func<string, string, PrefixEntry> read,
    ServerLog log)
{
    private const string PrefixEnding = ".safetensors";

    // What an adapter consists of.
    private static readonly string[] AdapterFiles = [PeftConfig.File, PeftAdapter.WeightFile];

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Dictionary<string, Seen> _seen = new(StringComparer.Ordinal);
    private bool _isAway;

    /// <summary>Looks again and again until it is cancelled.</summary>
    public async Task Watch(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(Interval);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellation).ConfigureAwait(false))
                Look();
        }
        catch (OperationCanceledException)
        {
        }
    }

    /// <summary>Refuses what is no folder.</summary>
    /// <exception cref="DirectoryNotFoundException">It is none.</exception>
    public static void Check(string folder)
    {
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"--prefixes '{folder}': expected a folder, found none.");
    }

    /// <summary>Takes what is there at the start.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    public void Begin()
    {
        Check(folder);
        Look();
        Look();
    }

    /// <summary>Looks once.</summary>
    public void Look()
    {
        Dictionary<string, Found> found;
        try
        {
            found = Find();
            _isAway = false;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            if (!_isAway)
                log.Say($"--prefixes: {ToolCommand.PlainMessage(fault)} What was taken from it stays.");
            _isAway = true;
            return;
        }
        foreach (string name in _seen.Keys.Except(found.Keys).ToArray())
            Forget(name);
        foreach (Found one in found.Values)
            Look(one);
    }

    private void Look(Found found)
    {
        Seen? seen = _seen.GetValueOrDefault(found.Name);
        if (seen?.Stamp != found.Stamp)
            _seen[found.Name] = new Seen(found.Stamp, IsSettled: false, seen?.IsServed == true);
        else if (!seen.IsSettled)
            _seen[found.Name] = seen with { IsSettled = true, IsServed = Take(found, seen.IsServed) };
    }

    private bool Take(Found found, bool isServed)
    {
        if (!isServed && models.Has(found.Name))
        {
            log.Say($"--prefixes: {FileText.Quote(found.Path)} was passed over, since another model has its name.");
            return false;
        }
        try
        {
            PrefixEntry entry = read(found.Name, found.Path);
            if (Stamp(found.Path) != found.Stamp)
                throw new IOException("it changed while it was read.");
            models.Add(entry);
            log.Say($"serving {FileText.Quote(found.Name)} ({FileText.Quote(found.Path)})");
            return true;
        }
        // Whatever is wrong with it, what is served goes on.
        catch (Exception fault)
        {
            log.Say($"--prefixes: {FileText.Quote(found.Path)} was not taken: {ToolCommand.PlainMessage(fault)}"
                + (isServed ? " The former one stays." : ""));
            return isServed;
        }
    }

    private void Forget(string name)
    {
        if (!_seen.Remove(name, out Seen? seen) || !seen.IsServed)
            return;
        models.Remove(name);
        log.Say($"no longer serving {FileText.Quote(name)}");
    }

    private Dictionary<string, Found> Find()
    {
        var found = new Dictionary<string, Found>(StringComparer.Ordinal);
        foreach (string path in Directory.EnumerateFileSystemEntries(folder).Order(StringComparer.Ordinal))
        {
            string file = Path.GetFileName(path);
            if (file.StartsWith('.') || TemporaryName.Is(path) || Stamp(path) is not { } stamp)
                continue;
            string name = Directory.Exists(path) ? file : Path.GetFileNameWithoutExtension(file);
            found.TryAdd(name, new Found(name, path, stamp));
        }
        return found;
    }

    /// <summary>Which content it is; null where it is no plain file or folder of the kind that is taken.</summary>
    private static string? Stamp(string path)
    {
        if (IsLink(path))
            return null;
        string[] files = Directory.Exists(path) ? [.. AdapterFiles.Select(name => Path.Combine(path, name))]
            : path.EndsWith(PrefixEnding, StringComparison.OrdinalIgnoreCase) ? [path] : [];
        FileStatus?[] all = [.. files.Select(file => IsLink(file) ? null : FileStatus.Of(file))];
        return all.Length > 0 && Array.TrueForAll(all, status => status is { Kind: FileKind.File })
            ? string.Join('|', all) : null;
    }

    private static bool IsLink(string path) =>
        new FileInfo(path) is { Exists: true } file && file.Attributes.HasFlag(FileAttributes.ReparsePoint)
        || new DirectoryInfo(path) is { Exists: true } folder && folder.Attributes.HasFlag(FileAttributes.ReparsePoint);

    /// <summary>What lies in the folder.</summary>
    private sealed record Found(string Name, string Path, string Stamp);

    /// <summary>What was seen of it.</summary>
    /// <param name="Stamp">Which content.</param>
    /// <param name="IsSettled">Whether that was looked at and taken or refused.</param>
    /// <param name="IsServed">Whether it, or a former content, is served.</param>
    private sealed record Seen(string Stamp, bool IsSettled, bool IsServed);
}
