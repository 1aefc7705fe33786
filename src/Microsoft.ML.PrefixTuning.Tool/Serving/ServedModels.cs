using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Tool.Serving;

/// <summary>
/// The models that a client may name, which are the prefixes of a generator and its base alone; they may come and go.
/// Safe for concurrent use.
/// </summary>
/// <param name="generator">Writes; stays the caller's.</param>
/// <param name="baseName">Name of the base.</param>
internal sealed class ServedModels(TextGenerator generator, string baseName)
{
    // Enough for a person to find his own among.
    private const int ShownNames = 20;

    private const int LongestName = 100;

    private readonly ConcurrentDictionary<string, ServedModel> _models = new(StringComparer.Ordinal)
    {
        [baseName] = new ServedModel(baseName, null, generator.Generation, DateTimeOffset.UtcNow),
    };

    /// <summary>All of them, the base first.</summary>
    public IReadOnlyList<ServedModel> All => [.. _models.Values.OrderBy(model => model.Prefix is not null)
        .ThenBy(model => model.Name, StringComparer.Ordinal)];

    /// <summary>Adds a prefix, in the place of one of that name.</summary>
    /// <exception cref="InvalidOperationException">It was made for another base.</exception>
    /// <exception cref="FormatException">It has a name that no prefix may have.</exception>
    public void Add(PrefixEntry entry)
    {
        CheckName(entry, baseName);
        try
        {
            entry.CheckBase(generator.Engine);
            generator.AddPrefix(entry.Name, entry.Prefix, entry.TemplateFor(generator.Engine.Spec),
                entry.Rules);
        }
        catch (InvalidOperationException fault)
        {
            throw new InvalidOperationException($"{entry.Place}: {fault.Message}", fault);
        }
        _models[entry.Name] = new ServedModel(entry.Name, entry.Name, entry.Generation, DateTimeOffset.UtcNow);
    }

    /// <summary>Refuses a name that no prefix may have beside a base.</summary>
    /// <exception cref="FormatException">It has such a name.</exception>
    public static void CheckName(PrefixEntry entry, string baseName)
    {
        if (!IsName(entry.Name) || entry.Name == baseName)
        {
            throw new FormatException($"{entry.Place}: expected as a name of a prefix up to {LongestName} characters"
                + $" without colons and control characters, and another one than the base's,"
                + $" {FileText.Quote(baseName)}, found {FileText.Quote(entry.Name)}.");
        }
    }

    /// <summary>Takes a prefix away.</summary>
    public void Remove(string name)
    {
        if (_models.TryRemove(name, out _))
            generator.RemovePrefix(name);
    }

    /// <summary>Whether there is a model of a name.</summary>
    public bool Has(string name) => _models.ContainsKey(name);

    /// <summary>The model that a request names: a prefix, the base, or <c>base:prefix</c>.</summary>
    /// <exception cref="ApiException">There is none of that name.</exception>
    public ServedModel Find(string name)
    {
        if (_models.TryGetValue(name, out ServedModel? model))
            return model;
        if (name.StartsWith(baseName + ":", StringComparison.Ordinal)
            && _models.TryGetValue(name[(baseName.Length + 1)..], out model))
            return model;
        IReadOnlyList<ServedModel> all = All;
        string known = string.Join(", ", all.Take(ShownNames).Select(one => FileText.Quote(one.Name)));
        if (all.Count > ShownNames)
            known += $" or {all.Count - ShownNames} others (/v1/models)";
        throw Missing($"model: expected one of {known}, found {FileText.Quote(name)}.");
    }

    /// <summary>What a client is told of a model that there is not.</summary>
    public static ApiException Missing(string message) => new(404, message, "model", "model_not_found");

    /// <summary>The model that a path names, whose slashes clients may have written as %2F.</summary>
    /// <exception cref="ApiException">There is none of that name.</exception>
    public ServedModel FindInPath(string name) => Find(Has(name) ? name : name.Replace("%2F", "/",
        StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether a model may be called so.</summary>
    public static bool IsName(string name) => name.Length is > 0 and <= LongestName && name == name.Trim()
        && !name.Any(letter => char.IsControl(letter) || char.IsSurrogate(letter) || letter == ':');
}

/// <summary>What a client may name as his model.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Prefix">The generator's name of its prefix; null for the base alone.</param>
/// <param name="Generation">How its texts are written where a request does not say.</param>
/// <param name="Created">Since when it is served.</param>
internal sealed record ServedModel(string Name, string? Prefix, GenerationOptions Generation, DateTimeOffset Created);
