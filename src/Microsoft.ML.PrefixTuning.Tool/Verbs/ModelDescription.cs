using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.ModelFormat;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Tool.Options;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>A saved model in words. Its base need not be there.</summary>
internal static class ModelDescription
{
    /// <summary>Its lines.</summary>
    public static IEnumerable<Described> Of(string path)
    {
        yield return new("saved model",
            FormattableString.Invariant($"{Path.GetFileName(path)}, {new FileInfo(path).Length / 1024.0:N1} KB"));
        foreach (Described line in SavedModelFile.Read(path).SelectMany(Of))
            yield return line;
    }

    private static IEnumerable<Described> Of(SavedModelEntry entry)
    {
        SavedModel saved = entry.Saved;
        yield return new("columns",
            $"{saved.InputColumn}{(saved.AttributeColumn is { } column ? $", {column}" : "")} -> {saved.OutputColumn}");
        yield return new("template", saved.Template is null ? "the base's default"
            : $"'{EscapedText.Write(saved.Template)}'");
        yield return new("generation", Describe(saved.Generation));
        foreach (Described line in Prefixes(entry))
            yield return line;
        yield return new("base",
            $"{saved.Base.Name}{(saved.Base.Files is null ? "" : " (in this file)")},"
                + $" {OptionText.Kebab(saved.Precision.ToString())}"
                + (saved.Products is { } products ? $" (products in {OptionText.Kebab(products.ToString())})" : ""));
        yield return new("  when saved at", saved.Base.Path);
        yield return new("  identity", saved.Base.Identity.Summary);
        yield return new("  weights", saved.Base.Identity.Weights);
        foreach (Described line in saved.Training is null ? [new("training", "not trained in this model")]
            : TrainingDescription.Of(saved.Training))
            yield return line;
    }

    private static IEnumerable<Described> Prefixes(SavedModelEntry entry)
    {
        if (entry.Saved.AttributeColumn is not { } column)
            return entry.Prefix is null ? [new("prefix", "none: the base writes by itself")]
                : PrefixDescription.Of(entry.Prefix);
        return
        [
            new("prefixes", $"one for each value of {BaseDescription.Quote(column)}"),
            .. entry.Prefixes.ByValue.Select(pair =>
                new Described($"  {BaseDescription.Quote(pair.Key)}", PrefixDescription.Size(pair.Value))),
            new("  other values", entry.Prefix is null ? "refused"
                : $"{PrefixDescription.Size(entry.Prefix)}, what all share or was given for them"),
        ];
    }

    private static string Describe(GenerationOptions generation)
    {
        string most = generation.MaxNewTokens is int given ? CountText.Of(given, "token")
            : "as many tokens as the base says";
        return string.Join(", ", Changed(generation)
            .Prepend($"{GenerationArguments.Describe(generation.Decoding)}, at most {most}"));
    }

    /// <summary>The other options that are not at their defaults.</summary>
    private static IEnumerable<string> Changed(GenerationOptions generation)
    {
        var defaults = new GenerationOptions();
        foreach (PropertyInfo member in OptionMembers.Of(typeof(GenerationOptions)))
        {
            if (member.Name is nameof(GenerationOptions.Decoding) or nameof(GenerationOptions.MaxNewTokens))
                continue;
            string? shown = member.GetValue(generation) switch
            {
                IReadOnlyList<string> texts => texts.Count == 0 ? null
                    : string.Join(' ', texts.Select(text => Quote(member, text))),
                string text => Quote(member, text),
                { } value when !value.Equals(member.GetValue(defaults)) => OptionText.Show(value),
                _ => null,
            };
            if (shown is not null)
                yield return $"{OptionText.Kebab(member.Name).Replace('-', ' ')} {shown}";
        }
    }

    // As it can be typed.
    private static string Quote(PropertyInfo member, string value) =>
        OptionText.IsText(member) ? $"'{EscapedText.Write(value)}'" : BaseDescription.Quote(value);
}
