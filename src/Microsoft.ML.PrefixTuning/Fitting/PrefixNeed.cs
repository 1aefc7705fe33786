using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>
/// Whether there is memory for what is trained, whatever the rows: told before a row is read, and of values of an
/// attribute once they are known.
/// </summary>
internal static class PrefixNeed
{
    // Values, gradient, AdamW's two means, the mean over the steps, and the best of these that is kept.
    private const double Copies = 6;

    // Of what a network, embeddings or words come to: keys and values, their gradient, and what is kept of them.
    private const double OutputCopies = 3;

    /// <summary>Refuses a prefix or a network that there is no memory for.</summary>
    /// <param name="options">What is trained.</param>
    /// <param name="spec">The base.</param>
    /// <param name="sites">Attentions that get a prefix.</param>
    /// <param name="length">P.</param>
    /// <param name="free">Bytes that are free; null where that is not known.</param>
    /// <param name="memories">How many are trained, of <see cref="PrefixMethod.Memory"/>.</param>
    /// <exception cref="ArgumentException">There is none, or a site has more numbers than an array holds.</exception>
    public static void Check(PrefixOptions options, TransformerSpec spec, IReadOnlyList<AttentionSite> sites,
        int length, long? free, int memories = 1)
    {
        if (options.Method is MemoryMethod)
        {
            CheckMemory([.. sites.Select(site => SiteMemory.CountOf(spec.StackOf(site)))], free, memories);
            return;
        }
        SiteShape[] shapes = [.. sites.Select(site => SiteShape.Of(spec, site, length))];
        long largest = shapes.Max(shape => shape.Count);
        if (largest > Array.MaxLength)
        {
            throw new ArgumentException(FormattableString.Invariant(
                $"Prefix.Length: expected a prefix of at most {Array.MaxLength:N0} numbers a site, found {length:N0}")
                + FormattableString.Invariant($" tokens of {largest:N0} numbers."), nameof(options));
        }
        var network = options.Parametrization as NetworkParametrization;
        bool areMoved = network is null && options.Method is (EveryLayerMethod or InfixMethod);
        double ofPrefix = sizeof(float) * (areMoved ? Copies : OutputCopies) * shapes.Sum(shape => shape.Count);
        double ofNetwork = network is null ? 0
            : sizeof(float) * Copies * shapes.Sum(shape => Numbers(network, shape));
        if (!(ofPrefix + ofNetwork > free))
            return;
        string found = ofNetwork > ofPrefix
            ? "Prefix.Parametrization.width: expected a network that training has memory"
                + FormattableString.Invariant($" for ({free / 1e9:F2} GB are free), found {network!.Width}")
            : "Prefix.Length: expected a prefix that training has memory for"
                + FormattableString.Invariant($" ({free / 1e9:F2} GB are free), found {length} tokens");
        throw new ArgumentException(found + FormattableString.Invariant(
            $", which needs about {(ofPrefix + ofNetwork) / 1e9:F2} GB."), nameof(options));
    }

    private static void CheckMemory(long[] counts, long? free, int memories)
    {
        if (counts.Max() > Array.MaxLength)
        {
            throw new ArgumentException(FormattableString.Invariant(
                $"Prefix.Method: expected a memory of at most {Array.MaxLength:N0} numbers a site, found")
                + FormattableString.Invariant($" {counts.Max():N0}."), "options");
        }
        double need = sizeof(float) * Copies * counts.Sum() * memories;
        string each = memories == 1 ? "" : $" for each of {memories}";
        if (need > free)
        {
            throw new ArgumentException("Prefix.Method: expected a memory that training has memory for"
                + FormattableString.Invariant($" ({free / 1e9:F2} GB are free), found {counts.Sum():N0} numbers{each},")
                + FormattableString.Invariant($" which need about {need / 1e9:F2} GB."), "options");
        }
    }

    /// <summary>Numbers of a site's network: embedding, hidden layers, output.</summary>
    private static double Numbers(NetworkParametrization network, SiteShape shape)
    {
        double width = (double)shape.KeyValueHeads * shape.HeadSize, hidden = network.Width;
        return shape.Length * width + width * hidden + (network.Depth - 1) * hidden * hidden
            + hidden * 2 * shape.Layers * width;
    }
}
