using System;
using System.Collections.Generic;
using System.Globalization;
using Microsoft.ML.PrefixTuning.Files;

namespace Microsoft.ML.PrefixTuning.Tool.Verbs;

/// <summary>A prefix in words.</summary>
internal static class PrefixDescription
{
    /// <summary>Its lines.</summary>
    public static IEnumerable<Described> Of(Prefix prefix)
    {
        PrefixConvention convention = prefix.Convention;
        yield return new("prefix", prefix.IsMemory ? Size(prefix)
            : $"{Size(prefix)}, {(prefix.IsInfix ? "behind the source (infix)" : "in front of everything")}");
        foreach ((AttentionSite site, SitePrefix part) in prefix.Parts)
            yield return new($"  {site.ToString().ToLowerInvariant()} attention", Shape(part));
        yield return new("  numbers",
            FormattableString.Invariant(
            $"{prefix.ParameterCount:N0} ({prefix.ParameterCount * sizeof(float) / 1024.0:N1} KB)"));
        yield return new("  made for", prefix.Base is { } made ? $"{made.Summary}, weights {made.Weights}"
            : "any base of this shape: the file does not say which");
        yield return new("  text rules", prefix.Rules is { } rules ? $"version {rules}"
            : "those of the base: the file does not say which");
        yield return new("  convention", string.Join("; ", Conventions(convention)));
    }

    /// <summary>How long it is.</summary>
    public static string Size(Prefix prefix) => prefix.IsMemory ? "a memory outside of the softmax, without tokens"
        : CountText.Of(prefix.Length, "token");

    private static string Shape(SitePrefix part)
    {
        string heads = part is SiteMemory ? "query head" : "key/value head";
        string size = string.Create(CultureInfo.InvariantCulture, $"{part.HeadSize}");
        return $"{CountText.Of(part.Layers, "layer")}, {CountText.Of(part.KeyValueHeads, heads)} of size {size}, "
            + (part is SiteMemory ? $"a matrix of {size} by {size} each" : CountText.Of(part.Length, "token"));
    }

    private static IEnumerable<string> Conventions(PrefixConvention convention)
    {
        yield return convention.TakesPositions ? "tokens start behind its positions" : "tokens keep their positions";
        if (convention.IsMemory)
        {
            yield return "asked by every token";
            yield break;
        }
        yield return convention.CountsInWindow ? "counts as columns of a sliding window" : "visible from every token";
        if (convention.HoldsBeginToken)
            yield return "holds the begin token";
    }
}
