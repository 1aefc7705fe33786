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

    /// <summary>Puts the prefixes on the base.</summary>
    /// <param name="choice">The prefixes.</param>
    /// <param name="settings">Columns and template.</param>
    /// <param name="engine">The base; stays the caller's.</param>
    /// <exception cref="InvalidOperationException">A prefix was made for another base.</exception>
    public PrefixSet(PrefixesByValue choice, TextSettings settings, ITextEngine engine)
    {
        _settings = settings;
        try
        {
            foreach ((string value, Prefix prefix) in choice.ByValue)
                _byValue.Add(value, RowPrefix.Make(prefix, value, settings, engine));
            if (choice.ForOthers is not null || settings.AttributeColumn is null)
                _forOthers = RowPrefix.Make(choice.ForOthers, name: null, settings, engine);
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

    public void Dispose()
    {
        foreach (RowPrefix prefix in _byValue.Values)
            prefix.Tensors?.Dispose();
        _forOthers?.Tensors?.Dispose();
    }
}

/// <summary>What goes with a row.</summary>
/// <param name="Tensors">Its prefix; null for the base alone.</param>
/// <param name="Encoder">
/// Makes its ids: what room there is, and whether a begin token comes, depends on the prefix.
/// </param>
internal sealed record RowPrefix(PrefixTensors? Tensors, RowEncoder Encoder)
{
    /// <summary>Puts a prefix on the base; its tensors are the caller's.</summary>
    /// <param name="prefix">The prefix; null for the base alone.</param>
    /// <param name="name">Its name, for messages; null where it has none.</param>
    /// <param name="settings">Columns and template.</param>
    /// <param name="engine">The base; stays the caller's.</param>
    /// <exception cref="InvalidOperationException">The prefix was made for another base.</exception>
    /// <exception cref="NotSupportedException">The engine cannot put it on its base.</exception>
    public static RowPrefix Make(Prefix? prefix, string? name, TextSettings settings, ITextEngine engine)
    {
        var encoder = new RowEncoder(engine.Tokenizer, engine.Spec, settings.Template, settings.InputColumn,
            PrefixRoom.Of(prefix))
        { IsOfBaseAlone = prefix is null };
        if (prefix is null)
            return new RowPrefix(null, encoder);
        try
        {
            return new RowPrefix(engine.Place(prefix), encoder);
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
