using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Rows;

namespace Microsoft.ML.PrefixTuning.Transforming;

/// <summary>
/// The prefixes of a <see cref="PrefixesByValue"/> on their base, and the way from a row to its own. Owns
/// their tensors.
/// </summary>
internal sealed class PrefixSet : IDisposable
{
    private readonly Dictionary<string, RowPrefix> _byValue = new(StringComparer.Ordinal);
    private readonly RowPrefix? _forOthers;
    private readonly TextSettings _settings;
    private readonly ITextEngine _engine;

    /// <summary>Puts the prefixes on the base.</summary>
    /// <param name="choice">The prefixes.</param>
    /// <param name="settings">Columns and template.</param>
    /// <param name="engine">The base; stays the caller's.</param>
    /// <exception cref="InvalidOperationException">A prefix was made for another base.</exception>
    /// <exception cref="NotSupportedException">The engine cannot put a prefix on its base.</exception>
    public PrefixSet(PrefixesByValue choice, TextSettings settings, ITextEngine engine)
    {
        (_settings, _engine) = (settings, engine);
        try
        {
            foreach ((string value, Prefix prefix) in choice.ByValue)
                _byValue.Add(value, Make(prefix, value));
            if (choice.ForOthers is not null || settings.AttributeColumn is null)
                _forOthers = Make(choice.ForOthers, name: null);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The prefix that a row carries.</summary>
    /// <exception cref="ArgumentException">Its attribute has none, and there is none for such rows.</exception>
    public RowPrefix Of(InputRow row)
    {
        if (row.Attribute is { } value && _byValue.TryGetValue(value, out RowPrefix? own))
            return own;
        return _forOthers ?? throw AttributeValues.Unknown(row, _settings.AttributeColumn!, _byValue.Keys);
    }

    /// <summary>The names of prefixes that have one.</summary>
    public IReadOnlyCollection<string> Names => _byValue.Keys;

    /// <summary>The prefix of a name.</summary>
    /// <param name="name">The name; null for the one that has none.</param>
    /// <exception cref="ArgumentException">There is none of that name, or none without.</exception>
    public RowPrefix Named(string? name)
    {
        if (name is null && _forOthers is not null)
            return _forOthers;
        if (name is not null && _byValue.TryGetValue(name, out RowPrefix? own))
            return own;
        string found = name is null ? "none" : FileText.Quote(name);
        throw new ArgumentException(_byValue.Count == 0
            ? $"Request, prefix: expected none, since no prefix has a name here, found {found}."
            : $"Request, prefix: expected one of {AttributeValues.List(_byValue.Keys)}, found {found}.");
    }

    public void Dispose()
    {
        foreach (RowPrefix prefix in _byValue.Values)
            prefix.Tensors?.Dispose();
        _forOthers?.Tensors?.Dispose();
    }

    private RowPrefix Make(Prefix? prefix, string? name)
    {
        var encoder = new RowEncoder(_engine.Tokenizer, _engine.Spec, _settings.Template, _settings.InputColumn,
            PrefixRoom.Of(prefix))
        { IsOfBaseAlone = prefix is null };
        if (prefix is null)
            return new RowPrefix(null, encoder);
        try
        {
            return new RowPrefix(_engine.Place(prefix), encoder);
        }
        catch (InvalidOperationException fault) when (name is not null)
        {
            throw new InvalidOperationException($"{FileText.Quote(name)}: {fault.Message}", fault);
        }
        catch (NotSupportedException fault) when (name is not null)
        {
            throw new NotSupportedException($"{FileText.Quote(name)}: {fault.Message}", fault);
        }
    }
}

/// <summary>What goes with a row.</summary>
/// <param name="Tensors">Its prefix; null for the base alone.</param>
/// <param name="Encoder">
/// Makes its ids: what room there is, and whether a begin token comes, depends on the prefix.
/// </param>
internal sealed record RowPrefix(PrefixTensors? Tensors, RowEncoder Encoder);
