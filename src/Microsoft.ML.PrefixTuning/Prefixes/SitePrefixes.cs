using System.Collections.Generic;
using System.Collections.ObjectModel;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Prefixes;

/// <summary>
/// The prefixes of a pass: their keys and values on the device, and what they do to the tokens. Owns nothing.
/// </summary>
/// <param name="Values">
/// For each site the prefix as [N, 2, G, P, D], shared by all rows, or [N, 2, B, G, P, D], one a row; in the model's
/// type.
/// </param>
/// <param name="Convention">Where they lie, and whether they take positions.</param>
internal sealed record SitePrefixes(IReadOnlyDictionary<AttentionSite, Tensor> Values, PrefixConvention Convention)
{
    /// <summary>B or K of [N, 2, B, G, P, D].</summary>
    public const int GroupAxis = 2;

    /// <summary>P of a prefix.</summary>
    public const int LengthAxis = -2;

    /// <summary>The base alone.</summary>
    public static SitePrefixes None { get; } =
        new(ReadOnlyDictionary<AttentionSite, Tensor>.Empty, PrefixConvention.DecoderOnly);

    /// <summary>P of a site; 0 where it has no prefix.</summary>
    public int LengthOf(AttentionSite site) =>
        Values.TryGetValue(site, out Tensor? prefix) ? (int)prefix.size(LengthAxis) : 0;
}
