using System;
using System.Collections.Generic;
using System.Threading;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Transforming;

namespace Microsoft.ML.PrefixTuning.Serving;

/// <summary>
/// The prefixes of a generator by name. They may come and go while requests are written. Safe for concurrent use; owns
/// one use of each.
/// </summary>
internal sealed class ServedPrefixes : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, ServedPrefix> _named = new(StringComparer.Ordinal);
    private readonly ServedPrefix? _unnamed;

    /// <summary>Puts prefixes on the base.</summary>
    /// <param name="choice">The prefixes.</param>
    /// <param name="settings">Columns and template.</param>
    /// <param name="engine">The base; stays the caller's.</param>
    /// <exception cref="InvalidOperationException">A prefix was made for another base.</exception>
    public ServedPrefixes(PrefixesByValue choice, TextSettings settings, ITextEngine engine)
    {
        try
        {
            foreach ((string name, Prefix prefix) in choice.ByValue)
                _named.Add(name, new ServedPrefix(name, engine, RowPrefix.Make(prefix, name, settings, engine)));
            if (choice.ForOthers is not null || settings.AttributeColumn is null)
                _unnamed = new ServedPrefix(null, engine,
                    RowPrefix.Make(choice.ForOthers, name: null, settings, engine));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The names of prefixes that have one, as they are now.</summary>
    public IReadOnlyCollection<string> Names
    {
        get
        {
            lock (_lock)
                return [.. _named.Keys];
        }
    }

    /// <summary>The prefix of a name.</summary>
    /// <param name="name">The name; null for the one that has none.</param>
    /// <exception cref="ArgumentException">There is none of that name, or none without.</exception>
    public ServedPrefix Named(string? name)
    {
        lock (_lock)
        {
            if (name is null && _unnamed is not null)
                return _unnamed;
            if (name is not null && _named.TryGetValue(name, out ServedPrefix? own))
                return own;
        }
        string found = name is null ? "none" : FileText.Quote(name);
        IReadOnlyCollection<string> known = Names;
        throw new ArgumentException(known.Count == 0
            ? $"Request, prefix: expected none, since no prefix has a name here, found {found}."
            : $"Request, prefix: expected one of {AttributeValues.List(known)}, found {found}.");
    }

    /// <summary>Puts a prefix under its name, in the place of one that has it; requests go on with what they have.
    /// </summary>
    public void Put(string name, ServedPrefix prefix)
    {
        ServedPrefix? former;
        lock (_lock)
        {
            _named.TryGetValue(name, out former);
            _named[name] = prefix;
        }
        former?.Give();
    }

    /// <summary>Takes a prefix away; requests go on with what they have.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Remove(string name)
    {
        ServedPrefix? former;
        lock (_lock)
            _named.Remove(name, out former);
        former?.Give();
        return former is not null;
    }

    public void Dispose()
    {
        foreach (string name in Names)
            Remove(name);
        _unnamed?.Give();
    }
}

/// <summary>A prefix that requests are written with. Its tensors go with the last use; there is one at the start.
/// </summary>
/// <param name="name">Its name; null where it has none.</param>
/// <param name="engine">The base, by the rules that the prefix was trained with; stays the caller's.</param>
/// <param name="own">Tensors, which it takes, and encoder.</param>
internal sealed class ServedPrefix(string? name, ITextEngine engine, RowPrefix own)
{
    private readonly Lock _lock = new();
    private int _uses = 1;

    /// <summary>Its name; null where it has none.</summary>
    public string? Name => name;

    /// <summary>The base, by the prefix's rules.</summary>
    public ITextEngine Base => engine;

    /// <summary>Its tensors; null for the base alone.</summary>
    public PrefixTensors? Tensors => own.Tensors;

    /// <summary>Makes ids of a request.</summary>
    public RowEncoder Encoder => own.Encoder;

    /// <summary>The rules that options mean here.</summary>
    public GenerationRules Rules(GenerationOptions options) =>
        GenerationRules.Of(options, engine.Spec, engine.Tokenizer, engine.EndIds);

    /// <summary>Begins a use.</summary>
    /// <returns>False where the last one has ended already.</returns>
    public bool TryTake()
    {
        lock (_lock)
        {
            // Below 0 where the generator was disposed twice.
            if (_uses <= 0)
                return false;
            _uses++;
            return true;
        }
    }

    /// <summary>Ends a use.</summary>
    public void Give()
    {
        lock (_lock)
        {
            if (--_uses > 0)
                return;
        }
        own.Tensors?.Dispose();
    }
}
