using System;
using System.Collections.Generic;
using System.Threading;
using Microsoft.ML.PrefixTuning.Text;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Bases;

/// <summary>
/// The bases of this process: one copy a key, form and device, however many users it has. The key is where a base
/// lies, or what it holds where that is known before it is read.
/// </summary>
internal sealed class BasePool
{
    private readonly Dictionary<(string, BaseForm, string), Entry> _entries = [];

    public static BasePool Shared { get; } = new();

    /// <summary>
    /// Takes a share; the first one loads the base. Who comes while it is loaded waits, and fails with it; but where
    /// its loading was called off, the next one loads it.
    /// </summary>
    /// <param name="key">The same for the same base.</param>
    /// <param name="form">How its numbers are kept.</param>
    /// <param name="device">Device.</param>
    /// <param name="load">Reads the base.</param>
    public BaseLease Acquire(string key, BaseForm form, Device device, Func<FrozenBase> load)
    {
        var whole = (key, form, device.ToString());
        while (true)
        {
            bool isOwn = false;
            Entry entry = Enter(whole, () =>
            {
                isOwn = true;
                return load();
            });
            try
            {
                // Loaded outside the lock: other bases can be had meanwhile.
                return Lease(whole, entry);
            }
            catch (OperationCanceledException) when (!isOwn)
            {
                Fail(whole, entry);
            }
            catch
            {
                Fail(whole, entry);
                throw;
            }
        }
    }

    private Entry Enter((string, BaseForm, string) key, Func<FrozenBase> load)
    {
        lock (_entries)
        {
            if (!_entries.TryGetValue(key, out Entry? entry))
                _entries.Add(key, entry = new Entry(new Lazy<FrozenBase>(load)));
            entry.Users++;
            return entry;
        }
    }

    /// <summary>Leaves an entry whose loading failed; who comes now loads anew.</summary>
    private void Fail((string, BaseForm, string) key, Entry entry)
    {
        lock (_entries)
        {
            if (_entries.TryGetValue(key, out Entry? current) && current == entry)
                _entries.Remove(key);
        }
        Release(key, entry);
    }

    private BaseLease Lease((string, BaseForm, string) key, Entry entry) =>
        new(entry.Base.Value, () => Release(key, entry), () => Share(key, entry));

    private BaseLease Share((string, BaseForm, string) key, Entry entry)
    {
        lock (_entries)
            entry.Users++;
        return Lease(key, entry);
    }

    private void Release((string, BaseForm, string) key, Entry entry)
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

    private sealed class Entry(Lazy<FrozenBase> frozen)
    {
        public Lazy<FrozenBase> Base => frozen;

        public int Users { get; set; }
    }
}

/// <summary>
/// A share of a base. Disposing it gives the share back; doing so twice does nothing. One that is forgotten is given
/// back when the collector finds it: the pool itself holds the base, whose memory the collector does not see.
/// </summary>
/// <param name="frozen">The base.</param>
/// <param name="release">Gives the share back.</param>
/// <param name="share">Takes another one.</param>
internal sealed class BaseLease(FrozenBase frozen, Action release, Func<BaseLease> share) : IDisposable
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

    ~BaseLease() => GiveBack();

    /// <summary>This share of the base by other rules; takes its place.</summary>
    public BaseLease By(TextRules rules) => new(Base.By(rules), Dispose, () => share().By(rules));

    /// <summary>Another share of the same base; this one must not be given back meanwhile.</summary>
    /// <exception cref="ObjectDisposedException">It was given back already.</exception>
    public BaseLease Share()
    {
        _ = Base;
        return share();
    }

    public void Dispose()
    {
        GiveBack();
        GC.SuppressFinalize(this);
    }

    private void GiveBack() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
