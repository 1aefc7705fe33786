using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Prefixes;

/// <summary>The shape of one attention's prefix.</summary>
/// <param name="Layers">N.</param>
/// <param name="KeyValueHeads">G.</param>
/// <param name="Length">P.</param>
/// <param name="HeadSize">D.</param>
internal sealed record SiteShape(int Layers, int KeyValueHeads, int Length, int HeadSize)
{
    /// <summary>Numbers of a site's prefix.</summary>
    public long Count => 2L * Layers * KeyValueHeads * Length * HeadSize;

    /// <summary>The shape that a model asks for.</summary>
    /// <param name="spec">The model.</param>
    /// <param name="site">The attention.</param>
    /// <param name="length">P.</param>
    public static SiteShape Of(TransformerSpec spec, AttentionSite site, int length)
    {
        StackSpec stack = spec.StackOf(site);
        return new SiteShape(stack.Layers, stack.Heads.KeyValueCount, length, stack.Heads.Size);
    }

    /// <summary>A prefix of this shape.</summary>
    /// <param name="values">[N, 2, G, P, D].</param>
    public SitePrefix With(float[] values) => new(Layers, KeyValueHeads, Length, HeadSize, values);
}
