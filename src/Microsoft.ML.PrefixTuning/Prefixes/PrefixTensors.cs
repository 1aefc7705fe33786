using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Prefixes;

/// <summary>A baked prefix on a model's device and in its type, ready for a memory. Owns its tensors.</summary>
internal sealed class PrefixTensors : IDisposable
{
    private readonly Dictionary<AttentionSite, Tensor> _sites = [];

    private PrefixTensors(Prefix prefix) => (Prefix, Sites) = (prefix, new SitePrefixes(_sites, prefix.Convention));

    public Prefix Prefix { get; }

    /// <summary>[N, 2, G, P, D] a site, of a memory [N, 1, H, D, D].</summary>
    public SitePrefixes Sites { get; }

    /// <summary>Copies a prefix to a model's device, after <see cref="Check"/>.</summary>
    /// <exception cref="InvalidOperationException">The prefix was made for another shape of model.</exception>
    public static PrefixTensors Make(Prefix prefix, LanguageModel model) =>
        Make(prefix, model.Spec, model.Type, model.Device);

    /// <inheritdoc cref="Make(Prefix, LanguageModel)"/>
    public static PrefixTensors Make(Prefix prefix, TransformerSpec spec, ScalarType type, Device device)
    {
        Check(prefix, spec);
        var tensors = new PrefixTensors(prefix);
        using var noGradient = no_grad();
        foreach ((AttentionSite site, SitePrefix part) in prefix.Parts)
            tensors._sites.Add(site, AlignedTensor.Of(part.Values, part.Shape, device, type)
                .DetachFromDisposeScope());
        return tensors;
    }

    /// <summary>Refuses a prefix whose sites, layers or heads are not the model's.</summary>
    /// <exception cref="InvalidOperationException">They are not.</exception>
    public static void Check(Prefix prefix, TransformerSpec spec)
    {
        foreach ((AttentionSite site, SitePrefix part) in prefix.Parts)
        {
            if (site != AttentionSite.Decoder && !spec.IsEncoderDecoder)
                throw new InvalidOperationException(
                    $"Prefix: it has the site {site}, which a {spec.Family} base does not have (decoder only).");
            StackSpec stack = spec.StackOf(site);
            HeadShape heads = stack.Heads;
            if (part is SiteMemory)
            {
                CheckMemory(part, site, spec);
                continue;
            }
            if (part.Layers != stack.Layers || part.KeyValueHeads != heads.KeyValueCount || part.HeadSize != heads.Size)
            {
                throw new InvalidOperationException(
                    $"Prefix, site {site}: expected {stack.Layers} layers of {heads.KeyValueCount} key/value heads of"
                        + $" size {heads.Size}"
                    + $" for this {spec.Family} base, found {part.Layers} layers of {part.KeyValueHeads} heads of"
                    + $" size {part.HeadSize}. It was made for another base.");
            }
        }
    }

    private static void CheckMemory(SitePrefix part, AttentionSite site, TransformerSpec spec)
    {
        StackSpec stack = spec.StackOf(site);
        HeadShape heads = stack.Heads;
        if (site == AttentionSite.Cross)
            throw new InvalidOperationException("Prefix: it has a memory of the site Cross, which is never asked.");
        if (part.Layers != stack.Layers || part.KeyValueHeads != heads.Count || part.HeadSize != heads.Size)
        {
            throw new InvalidOperationException($"Prefix, memory of the site {site}: expected {stack.Layers} layers of"
                + $" {heads.Count} query heads of size {heads.Size} for this {spec.Family} base, found {part.Layers}"
                + $" layers of {part.KeyValueHeads} heads of size {part.HeadSize}. It was made for another base.");
        }
    }

    /// <summary>The baked form of materialised sites: the way back.</summary>
    /// <param name="sites">[N, 2, G, P, D] a site, of a memory [N, 1, H, D, D]; float32, on any device.</param>
    /// <param name="convention">What the prefix does to the tokens.</param>
    /// <exception cref="ArgumentException">A number is not finite.</exception>
    public static Prefix Bake(IEnumerable<KeyValuePair<AttentionSite, Tensor>> sites, PrefixConvention convention)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        return new Prefix(sites.Select(site => KeyValuePair.Create(site.Key,
            SitePrefix.Of(site.Value.shape, site.Value.cpu().contiguous().data<float>().ToArray()))), convention);
    }

    public void Dispose()
    {
        foreach (Tensor tensor in _sites.Values)
            tensor.Dispose();
        _sites.Clear();
    }
}
