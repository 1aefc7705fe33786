using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Checkpoints;

/// <summary>The bases of this process: one copy a file, precision and device, however many users it has.</summary>
internal sealed class BasePool
{
    private readonly Dictionary<(string, ScalarType, string), Entry> _entries = [];

    public static BasePool Shared { get; } = new();

    public BaseLease Acquire(string path, ScalarType type, Device device)
    {
        var key = (Key(path), type, device.ToString());
        Entry entry;
        lock (_entries)
        {
            if (!_entries.TryGetValue(key, out entry!))
                _entries.Add(key, entry = new Entry(new Lazy<FrozenBase>(() => FrozenBase.Load(path, type, device))));
            entry.Users++;
        }
        try
        {
            // Loaded outside the lock: other bases can be had meanwhile.
            return new BaseLease(entry.Base.Value, () => Release(key, entry));
        }
        catch
        {
            Release(key, entry);
            throw;
        }
    }

    private void Release((string, ScalarType, string) key, Entry entry)
    {
        lock (_entries)
        {
            if (--entry.Users > 0)
                return;
            if (_entries.TryGetValue(key, out Entry? current) && current == entry)
                _entries.Remove(key);
        }
        if (entry.Base.IsValueCreated)
            entry.Base.Value.Dispose();
    }

    // A base whose files were replaced is another base: their sizes and times are part of the key.
    private static string Key(string path)
    {
        path = Path.GetFullPath(path);
        IEnumerable<string> files = Directory.Exists(path)
            ? Directory.EnumerateFiles(path).Where(IsModelFile).Order(StringComparer.Ordinal)
            : [path];
        return string.Join('|', files.Select(file => new FileInfo(file)).Where(info => info.Exists)
            .Select(info => $"{info.Name}:{info.Length}:{info.LastWriteTimeUtc.Ticks}").Prepend(path));
    }

    // Weights, their index, and both configs.
    private static bool IsModelFile(string file) => Path.GetExtension(file) is ".safetensors"
        || Path.GetFileName(file) is "config.json" or "generation_config.json" or ShardedCheckpoint.IndexFile;

    private sealed class Entry(Lazy<FrozenBase> frozen)
    {
        public Lazy<FrozenBase> Base => frozen;

        public int Users { get; set; }
    }
}

/// <summary>A share of a base. Disposing it gives the share back; doing so twice does nothing.</summary>
internal sealed class BaseLease(FrozenBase frozen, Action release) : IDisposable
{
    private Action? _release = release;

    /// <summary>The base.</summary>
    /// <exception cref="ObjectDisposedException">The share was given back.</exception>
    public FrozenBase Base
    {
        get
        {
            ObjectDisposedException.ThrowIf(_release is null, this);
            return frozen;
        }
    }

    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
