using System.Collections.Generic;
using System.Collections.ObjectModel;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Prefixes;

/// <summary>
/// The prefixes of a pass: their keys and values on the device, and what they do to the tokens. Owns nothing.
/// </summary>
/// <param name="Values">
/// For each site the prefix as [N, 2, G, P, D], shared by all rows, or [N, 2, B, G, P, D], one a row; in the model's
/// type. Of memories outside of the softmax [N, 1, H, D, D] or [N, 1, B, H, D, D].
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

    /// <summary>P of a site; 0 where it has no prefix, or a memory.</summary>
    public int LengthOf(AttentionSite site) =>
        KeysValuesOf(site) is { } prefix ? (int)prefix.size(LengthAxis) : 0;

    /// <summary>Keys and values of a site; null where it has none.</summary>
    public Tensor? KeysValuesOf(AttentionSite site) => Convention.IsMemory ? null : Values.GetValueOrDefault(site);

    /// <summary>The memory of a site; null where it has none.</summary>
    public Tensor? MemoryOf(AttentionSite site) => Convention.IsMemory ? Values.GetValueOrDefault(site) : null;
}
