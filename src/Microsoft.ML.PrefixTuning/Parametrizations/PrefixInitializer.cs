using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Parametrizations;

/// <summary>From a <see cref="PrefixStart"/> to the prefix with which training starts.</summary>
internal static class PrefixInitializer
{
    /// <summary>Makes the starting prefix.</summary>
    /// <exception cref="ArgumentException">
    /// The text has no tokens, or the length is beyond the base's context.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// A given prefix was made for another base or has other sites.
    /// </exception>
    public static Prefix Make(StartRequest request) => request.Start switch
    {
        { IsOfTokens: true } => FromText(request),
        ZeroStart => Filled(request, (_, shape) => new float[shape.Count]),
        RandomStart random => Filled(request, (site, shape) =>
            new SeededRandom(request.Seed, RandomPurpose.Start, (int)site).Normal(shape.Count, random.Scale)),
        PrefixValuesStart given => Given(request, given.Prefix),
        _ => throw new UnreachableException($"Prefix start {request.Start} is not known here."),
    };

    /// <summary>The ids whose keys and values make a prefix: what opens it, then the text, repeated or cut.</summary>
    /// <param name="opening">Tokens in front; none may be.</param>
    /// <param name="text">Ids of the text.</param>
    /// <param name="length">P.</param>
    public static int[] Fit(IReadOnlyList<int> opening, IReadOnlyList<int> text, int length)
    {
        if (text.Count == 0 && length > opening.Count)
            throw new ArgumentException("PrefixOptions.Start: expected a text of at least one token, found none.");
        var ids = new int[length];
        for (int i = 0; i < length; i++)
            ids[i] = i < opening.Count ? opening[i] : text[(i - opening.Count) % text.Count];
        return ids;
    }

    private static Prefix FromText(StartRequest request)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        LanguageModel model = request.Model;
        if (request.Length > model.Spec.ContextLength)
            throw new ArgumentException(
                $"PrefixOptions.Length: expected at most {model.Spec.ContextLength} tokens, the context of this"
                    + $" {model.Spec.Family} base, found {request.Length}.");
        using var capture = new KeyValueCapture();
        int[] ids = Fit(request.Opening, request.Text, request.Length);
        if (model.Spec.IsEncoderDecoder)
            RunBoth(model, ids, request, capture);
        else
            Decode(model, ids, request.TokensPerPass, capture);
        return new Prefix(request.Sites.Select(site => KeyValuePair.Create(site, capture.Part(site))),
            request.Convention);
    }

    /// <summary>
    /// A part of a long text after the other, each behind the keys and values of those before it: what a pass takes
    /// beside them does not grow with the text.
    /// </summary>
    private static void Decode(LanguageModel model, int[] ids, int tokensPerPass, KeyValueCapture capture)
    {
        for (int first = 0; first < ids.Length; first += tokensPerPass)
        {
            using var scope = NewDisposeScope();
            int count = Math.Min(tokensPerPass, ids.Length - first);
            AttentionPlaces places = TokenPlaces.Causal([new RowState(0, first, count)], count, 0, first + count,
                PrefixConvention.DecoderOnly);
            model.Decode(Embed(model, ids[first..(first + count)]), places, capture);
        }
    }

    /// <summary>
    /// An encoder-decoder model is run as if the text were its source and its output: the encoder site gets what the
    /// encoder makes of it, the cross site what the decoder sees of that, and the decoder site what the decoder keeps
    /// when it has written the decoder start token and the text, cut to the same length.
    /// </summary>
    private static void RunBoth(LanguageModel model, int[] ids, StartRequest request, KeyValueCapture capture)
    {
        int length = ids.Length;
        AttentionPlaces all = TokenPlaces.Everywhere([length], length, [length], length, 0);
        Tensor encoded = model.Encode(Embed(model, ids), all, capture);
        (Tensor[] keys, Tensor[] values) = model.CrossKeysValues(encoded);
        for (int layer = 0; layer < keys.Length; layer++)
            capture.Append(AttentionSite.Cross, layer, keys[layer], values[layer]);
        int[] written = Fit([model.Spec.DecoderStart()], request.Text, length);
        var source = new EncodedSource(keys, values, [length], 0);
        model.Decode(Embed(model, written), Causal(length), capture, source.Cross(length));
    }

    private static Tensor Embed(LanguageModel model, int[] ids) => model.Embed(TokenRows.Pad([ids], model.Device).Ids);

    private static AttentionPlaces Causal(int length) =>
        TokenPlaces.Causal([new RowState(0, 0, length)], length, 0, length, PrefixConvention.DecoderOnly);

    private static Prefix Filled(StartRequest request, Func<AttentionSite, SiteShape, float[]> values) =>
        new(request.Sites.Select(site =>
        {
            SiteShape shape = SiteShape.Of(request.Model.Spec, site, request.Length);
            return KeyValuePair.Create(site, shape.With(values(site, shape)));
        }), request.Convention);

    private static Prefix Given(StartRequest request, Prefix prefix)
    {
        PrefixTensors.Check(prefix, request.Model.Spec);
        if (!prefix.Sites.Order().SequenceEqual(request.Sites.Order()))
        {
            throw new InvalidOperationException(
                $"PrefixOptions.Start: expected a prefix with the sites {string.Join(", ", request.Sites.Order())},"
                + $" found {string.Join(", ", prefix.Sites)}.");
        }
        return prefix;
    }
}

/// <summary>What a starting prefix is made from.</summary>
internal sealed record StartRequest
{
    /// <summary>The base.</summary>
    public required LanguageModel Model { get; init; }

    /// <summary>What is asked for.</summary>
    public required PrefixStart Start { get; init; }

    /// <summary>Attentions that get a prefix.</summary>
    public required IReadOnlyList<AttentionSite> Sites { get; init; }

    /// <summary>P. A prefix that is given brings its own.</summary>
    public required int Length { get; init; }

    /// <summary>What the prefix will do to the tokens. A prefix that is given brings its own.</summary>
    public required PrefixConvention Convention { get; init; }

    /// <summary>Tokens of a text that a decoder-only base reads in one pass, at most.</summary>
    public int TokensPerPass { get; init; } = TrainingOptions.DefaultTokensPerPass;

    /// <summary>Seed of random values.</summary>
    public int Seed { get; init; }

    /// <summary>Ids of the text, without special tokens of its own; used by a start from text only.</summary>
    public IReadOnlyList<int> Text { get; init; } = [];

    /// <summary>
    /// Tokens in front of the text, such as the begin token that the tokenizer puts in front of everything.
    /// </summary>
    public IReadOnlyList<int> Opening { get; init; } = [];
}
