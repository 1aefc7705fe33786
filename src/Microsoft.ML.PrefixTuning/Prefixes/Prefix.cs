using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// A baked prefix: keys and values that lie in front of a frozen model's own, for every layer of one or more
/// attentions. Whatever made it (text, embeddings, training with or without an MLP), this is all that generation knows.
/// Of <see cref="PrefixMethod.Memory"/> it is a matrix of every query head instead.
/// </summary>
/// <remarks>Immutable and in managed memory: share it freely between threads, there is nothing to dispose.</remarks>
public sealed partial class Prefix
{
    private readonly SortedDictionary<AttentionSite, SitePrefix> _sites;

    internal Prefix(IEnumerable<KeyValuePair<AttentionSite, SitePrefix>> sites, PrefixConvention convention)
    {
        _sites = new(sites.ToDictionary());
        Convention = convention;
        if (_sites.Count == 0)
            throw new ArgumentException("A prefix has at least one site.", nameof(sites));
        foreach ((AttentionSite site, SitePrefix prefix) in _sites)
        {
            if (prefix is SiteMemory != IsMemory)
            {
                throw new ArgumentException(
                    $"{site} prefix: expected {(IsMemory ? "a memory" : "keys and values")}, found the other.",
                    nameof(sites));
            }
            prefix.Check(site);
        }
    }

    /// <summary>
    /// Prefix length in tokens (of the longest site); 0 of <see cref="PrefixMethod.Memory"/>, which takes no places.
    /// </summary>
    public int Length => _sites.Values.Max(site => site.Length);

    /// <summary>The attentions that have a prefix.</summary>
    public IReadOnlyCollection<AttentionSite> Sites => _sites.Keys;

    /// <summary>Numbers stored, keys and values, or matrices, of all layers and sites.</summary>
    public long ParameterCount => _sites.Values.Sum(site => (long)site.Values.Length);

    internal PrefixConvention Convention { get; }

    /// <summary>The base that it was made for; null where nothing says which, as in files of former versions.</summary>
    internal BaseIdentity? Base { get; private init; }

    /// <summary>
    /// By which rules the texts of its training became tokens, in the words of <c>TextRules</c>; null where nothing
    /// says so, as in those of other libraries.
    /// </summary>
    internal string? Rules { get; private init; }

    internal bool IsInfix => Convention.Placement is not (PrefixPlacement.Front or PrefixPlacement.Beside);

    /// <summary>Whether it is a memory outside of the softmax: every part is a <see cref="SiteMemory"/>.</summary>
    internal bool IsMemory => Convention.IsMemory;

    internal IReadOnlyDictionary<AttentionSite, SitePrefix> Parts => _sites;

    /// <summary>The same prefix with the base that it was made for and the rules that it was trained by.</summary>
    internal Prefix MadeFor(BaseIdentity? identity, string? rules) =>
        new(_sites, Convention) { Base = identity, Rules = rules };

    /// <summary>The first tokens of the prefix, at least one; all where it has no more, as a memory.</summary>
    internal Prefix First(int tokens) =>
        new Prefix(_sites.Select(site => KeyValuePair.Create(site.Key, site.Value.First(tokens))), Convention)
            .MadeFor(Base, Rules);

    /// <summary>The prefix without its last tokens, of which it must have more.</summary>
    internal Prefix WithoutLast(int tokens) => First(Length - tokens);

    /// <summary>SHA-256 over the values of all sites, in hexadecimal digits.</summary>
    internal string Hash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (SitePrefix part in _sites.Values)
            hash.AppendData(MemoryMarshal.AsBytes(part.Values.AsSpan()));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    internal SitePrefix? Part(AttentionSite site) => _sites.GetValueOrDefault(site);
}

/// <summary>One attention's prefix.</summary>
/// <param name="Layers">N.</param>
/// <param name="KeyValueHeads">G.</param>
/// <param name="Length">P.</param>
/// <param name="HeadSize">D.</param>
/// <param name="Values">[N, 2 (key, value), G, P, D], row-major; keys as they lie in a cache, already rotated.</param>
internal record SitePrefix(int Layers, int KeyValueHeads, int Length, int HeadSize, float[] Values)
{
    /// <summary>The shape of <see cref="Values"/>.</summary>
    public virtual long[] Shape => [Layers, 2, KeyValueHeads, Length, HeadSize];

    /// <summary>Least <see cref="Length"/>.</summary>
    protected virtual int LeastLength => 1;

    /// <summary>The same, or a memory, from a shape.</summary>
    /// <param name="shape">[N, 2, G, P, D], or of a memory [N, 1, H, D, D].</param>
    /// <param name="values">Row-major; not copied.</param>
    public static SitePrefix Of(long[] shape, float[] values) => shape[1] == 1
        ? new SiteMemory((int)shape[0], (int)shape[2], (int)shape[4], values)
        : new SitePrefix((int)shape[0], (int)shape[2], (int)shape[3], (int)shape[4], values);

    internal virtual SitePrefix First(int tokens)
    {
        int length = Math.Min(tokens, Length), heads = Layers * 2 * KeyValueHeads, kept = length * HeadSize;
        var values = new float[heads * kept];
        for (int head = 0; head < heads; head++)
            Values.AsSpan(head * Length * HeadSize, kept).CopyTo(values.AsSpan(head * kept));
        return this with { Length = length, Values = values };
    }

    internal void Check(AttentionSite site)
    {
        long expected = Shape.Aggregate(1L, (product, axis) => checked(product * axis));
        if (Length < LeastLength || Values.Length != expected)
        {
            throw new ArgumentException($"{site} prefix: expected {expected} values for shape "
                + $"[{string.Join(", ", Shape)}], found {Values.Length}.");
        }
        int bad = Array.FindIndex(Values, value => !float.IsFinite(value));
        if (bad >= 0)
        {
            throw new ArgumentException(
                FormattableString.Invariant($"{site} prefix: value {bad} is not finite ({Values[bad]})."));
        }
    }
}

/// <summary>
/// One attention's memory outside of the softmax: M of every query head, for elu(q)^T M. It has no tokens.
/// </summary>
/// <param name="Layers">N.</param>
/// <param name="Heads">H.</param>
/// <param name="HeadSize">D.</param>
/// <param name="Values">
/// [N, 1, H, D (of the query), D], row-major: one matrix where a prefix has keys and values, so that what goes over
/// layers and groups of both need not tell them apart.
/// </param>
internal sealed record SiteMemory(int Layers, int Heads, int HeadSize, float[] Values)
    : SitePrefix(Layers, Heads, 0, HeadSize, Values)
{
    public override long[] Shape => [Layers, 1, Heads, HeadSize, HeadSize];

    protected override int LeastLength => 0;

    /// <summary>Numbers of the memory of a stack's self-attention.</summary>
    public static long CountOf(StackSpec stack) =>
        (long)stack.Layers * stack.Heads.Count * stack.Heads.Size * stack.Heads.Size;

    internal override SitePrefix First(int tokens) => this;
}

/// <summary>What a prefix does to the tokens behind it; stored with it.</summary>
/// <param name="Placement">Where it lies.</param>
/// <param name="TakesPositions">
/// Tokens start at position P (decoder-only models, PEFT), and the prefix has positions 0 to P - 1; otherwise tokens
/// keep their positions and the prefix has none (the paper's encoder-decoder prefix).
/// </param>
/// <param name="CountsInWindow">
/// Prefix columns count as columns of a sliding window and leave it (PEFT); otherwise every token sees them.
/// </param>
internal sealed record PrefixConvention(PrefixPlacement Placement, bool TakesPositions, bool CountsInWindow)
{
    /// <summary>
    /// The prefix starts with the begin token that the tokenizer puts in front of everything; rows behind it have none.
    /// </summary>
    public bool HoldsBeginToken { get; init; }

    /// <summary>Whether it is a memory outside of the softmax and not keys and values.</summary>
    public bool IsMemory => Placement == PrefixPlacement.Beside;

    /// <summary>A prefix trained here for a decoder-only model.</summary>
    public static PrefixConvention DecoderOnly { get; } = new(PrefixPlacement.Front, true, false);

    /// <summary>A prefix trained here for an encoder-decoder model.</summary>
    public static PrefixConvention EncoderDecoder { get; } = new(PrefixPlacement.Front, false, false);

    /// <summary>An imported PEFT prefix.</summary>
    public static PrefixConvention Peft { get; } = new(PrefixPlacement.Front, true, true);

    /// <summary>An infix as the paper draws it.</summary>
    public static PrefixConvention Infix { get; } = new(PrefixPlacement.AfterSource, true, false);

    /// <summary>An infix trained here.</summary>
    public static PrefixConvention InfixBeforeLastToken { get; } =
        Infix with { Placement = PrefixPlacement.BeforeLastSourceToken };

    /// <summary>A memory outside of the softmax.</summary>
    public static PrefixConvention Memory { get; } = new(PrefixPlacement.Beside, false, false);
}

/// <summary>Where a prefix lies.</summary>
internal enum PrefixPlacement
{
    /// <summary>In front of everything.</summary>
    Front,

    /// <summary>
    /// Behind the source: source tokens do not see it, target tokens do. The first of these is predicted without it.
    /// </summary>
    AfterSource,

    /// <summary>
    /// In front of the source's last token, which predicts the first target token: that token and the target see it.
    /// </summary>
    BeforeLastSourceToken,

    /// <summary>Nowhere among the tokens: a memory beside the softmax.</summary>
    Beside,
}
