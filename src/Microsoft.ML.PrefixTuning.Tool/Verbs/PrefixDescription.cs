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
        yield return new("prefix",
            $"{CountText.Of(prefix.Length, "token")}, "
            + (convention.Placement == PrefixPlacement.Front ? "in front of everything" : "behind the source (infix)"));
        foreach ((AttentionSite site, SitePrefix part) in prefix.Parts)
            yield return new($"  {site.ToString().ToLowerInvariant()} attention",
                $"{CountText.Of(part.Layers, "layer")}, {CountText.Of(part.KeyValueHeads, "key/value head")} of size"
                    + string.Create(CultureInfo.InvariantCulture, $" {part.HeadSize}, ")
                    + CountText.Of(part.Length, "token"));
        yield return new("  numbers",
            FormattableString.Invariant(
            $"{prefix.ParameterCount:N0} ({prefix.ParameterCount * sizeof(float) / 1024.0:N1} KB)"));
        yield return new("  made for", prefix.Base is { } made ? $"{made.Summary}, weights {made.Weights}"
            : "any base of this shape: the file does not say which");
        yield return new("  text rules", prefix.Rules is { } rules ? $"version {rules}"
            : "those of the base: the file does not say which");
        yield return new("  convention", string.Join("; ", Conventions(convention)));
    }

    private static IEnumerable<string> Conventions(PrefixConvention convention)
    {
        yield return convention.TakesPositions ? "tokens start behind its positions" : "tokens keep their positions";
        yield return convention.CountsInWindow ? "counts as columns of a sliding window" : "visible from every token";
        if (convention.HoldsBeginToken)
            yield return "holds the begin token";
    }
}
