using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.ML.PrefixTuning.Tool.Verbs;
using Microsoft.ML.PrefixTuning.Transforming;

namespace Microsoft.ML.PrefixTuning.Tool.Serving;

/// <summary>A prefix to be served, with what belongs to it.</summary>
/// <param name="Name">Its name for clients.</param>
/// <param name="Place">Where it comes from, for messages.</param>
/// <param name="Prefix">The prefix.</param>
/// <param name="Generation">How texts are written with it where a request does not say.</param>
internal sealed record PrefixEntry(string Name, string Place, Prefix Prefix, GenerationOptions Generation)
{
    /// <summary>
    /// The template of a saved model, null for its base's; a prefix file has none and takes the server's.
    /// </summary>
    public string? Template { get; init; }

    /// <summary>The rules of texts that it was trained with; null for today's.</summary>
    public TextRules? Rules { get; init; }

    /// <summary>The base that a saved model says it was made for; null where it is no saved model.</summary>
    private IBaseIdentity? Identity { get; init; }

    /// <summary>
    /// Reads what is at a path: a prefix file, the folder of a PEFT adapter, or a saved model, of which the prefixes
    /// are taken out; nothing of it is loaded.
    /// </summary>
    /// <param name="name">Its name; a model's prefixes of attribute values are <c>name/value</c>.</param>
    /// <param name="path">The path.</param>
    /// <param name="baseModel">The base.</param>
    /// <param name="generation">The options of the command line over those of a saved model, or over none.</param>
    /// <exception cref="FormatException">It is none of these, or broken.</exception>
    public static IReadOnlyList<PrefixEntry> Read(string name, string path, BaseModel baseModel,
        Func<GenerationOptions, GenerationOptions> generation)
    {
        string place = $"{name}={path}";
        try
        {
            return PrefixSource.KindOf(path) switch
            {
                PathKind.Model => OfModel(name, place, path, generation),
                PathKind.Base => throw new FormatException("expected a prefix (.safetensors), a saved model (.zip) or"
                    + " the folder of a PEFT adapter, found a base."),
                _ => [new(name, place, PrefixSource.Load(path, baseModel), generation(new GenerationOptions()))],
            };
        }
        catch (Exception fault) when (fault is FormatException or InvalidOperationException or NotSupportedException)
        {
            throw new FormatException($"{place}: {fault.Message}", fault);
        }
    }

    /// <summary>The template to write rows by; null for the server's.</summary>
    public string? TemplateFor(TransformerSpec spec) =>
        Identity is null ? null : Template ?? RowEncoder.DefaultTemplate(spec);

    /// <summary>Refuses a saved model that was made for another base.</summary>
    /// <exception cref="InvalidOperationException">It was.</exception>
    public void CheckBase(ITextEngine engine)
    {
        if (Identity?.Difference(engine.Spec, engine.Identity.Weights) is { } difference)
            throw new InvalidOperationException(
                $"it was made for another base model than '{engine.Name}': {difference}.");
    }

    private static PrefixEntry[] OfModel(string name, string place, string path,
        Func<GenerationOptions, GenerationOptions> generation)
    {
        IReadOnlyList<SavedModelEntry> found = SavedModelFile.Read(path);
        if (found is not [var entry])
            throw new FormatException($"expected one prefix-tuning transformer, found {found.Count}.");
        var prefixes = entry.Prefixes.ByValue
            .Select(pair => (Name: $"{name}/{pair.Key}", Prefix: pair.Value)).ToList();
        if (entry.Prefix is { } own)
            prefixes.Insert(0, (name, own));
        if (prefixes.Count == 0)
            throw new FormatException("expected a model with a prefix, found a base that writes by itself.");
        GenerationOptions options = generation(entry.Saved.Generation);
        return [.. prefixes.Select(one => new PrefixEntry(one.Name, place, one.Prefix, options)
        {
            Template = entry.Saved.Template,
            Rules = entry.Saved.TextRules ?? TextRules.First,
            Identity = entry.Saved.Base.Identity,
        })];
    }
}
