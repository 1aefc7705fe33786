using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;

namespace Microsoft.ML.PrefixTuning.Tests.Models;

/// <summary>Prefixes that are memories outside of the softmax, with numbers from seeds.</summary>
internal static class Memories
{
    /// <summary>One of all self-attention of a model.</summary>
    /// <param name="spec">The model.</param>
    /// <param name="seed">Where its numbers come from.</param>
    /// <param name="deviation">Of its numbers, around 0.</param>
    public static Prefix Random(TransformerSpec spec, int seed, double deviation)
    {
        AttentionSite[] sites = spec.IsEncoderDecoder ? [AttentionSite.Encoder, AttentionSite.Decoder]
            : [AttentionSite.Decoder];
        return new Prefix(sites.Select(site =>
        {
            StackSpec stack = spec.StackOf(site);
            float[] values = new SeededRandom(seed, RandomPurpose.Start, (int)site)
                .Normal(SiteMemory.CountOf(stack), deviation);
            return KeyValuePair.Create(site,
                (SitePrefix)new SiteMemory(stack.Layers, stack.Heads.Count, stack.Heads.Size, values));
        }), PrefixConvention.Memory);
    }
}
