using System;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.ModelFormat.Former;

/// <summary>
/// The JSON over which format 0x00010001 took the hash of a base's config: the names, order and numbers that
/// <see cref="TransformerSpec"/> had then. Frozen: every name stands here, and no value that came later has a part in
/// it.
/// </summary>
internal static class FormerConfigText
{
    /// <summary>The text as UTF-8.</summary>
    /// <exception cref="NotSupportedException">The model has a part that did not exist then.</exception>
    public static byte[] Of(TransformerSpec spec) => JsonSerializer.SerializeToUtf8Bytes(new
    {
        Family = spec.Family,
        VocabularySize = spec.VocabularySize,
        Width = spec.Width,
        EmbeddingWidth = spec.EmbeddingWidth,
        EmbeddingScale = spec.EmbeddingScale,
        ContextLength = spec.ContextLength,
        Decoder = Of(spec.Decoder),
        Encoder = spec.Encoder is { } encoder ? Of(encoder) : null,
        Head = new { Tied = spec.Head.Tied, Bias = spec.Head.Bias, Scale = spec.Head.Scale },
        // Ids and lengths of texts had no part in it: they stood there as nothing.
        Tokens = new { Begin = (int?)null, Ends = Array.Empty<int>(), Padding = (int?)null, DecoderStart = (int?)null },
        Output = new { FirstId = (int?)null, LastId = (int?)null, LeastTokens = (int?)null, MostTokens = (int?)null },
        IsEncoderDecoder = spec.Encoder is not null,
    });

    private static object Of(StackSpec stack) => new
    {
        Layers = stack.Layers,
        Heads = new
        {
            Count = stack.Heads.Count,
            KeyValueCount = stack.Heads.KeyValueCount,
            Size = stack.Heads.Size,
            Group = stack.Heads.Count / stack.Heads.KeyValueCount,
        },
        Norm = new { Kind = NumberOf(stack.Norm.Kind), Epsilon = stack.Norm.Epsilon },
        Residual = NumberOf(stack.Residual),
        FeedForward = new
        {
            Activation = NumberOf(stack.FeedForward.Activation),
            Inner = stack.FeedForward.Inner,
            Gated = stack.FeedForward.Gated,
        },
        Positions = Of(stack.Positions),
        ScoreScale = stack.ScoreScale,
        QueryKeyNorm = IsNormed(stack.QueryKeyNorm),
        FinalNorm = stack.FinalNorm,
        EmbeddingNorm = stack.EmbeddingNorm,
        CrossAttention = stack.CrossAttention,
        Windows = stack.Windows.ToArray(),
    };

    private static object Of(Positions positions) => positions switch
    {
        LearnedPositions learned => Kind("LearnedPositions",
            new { Capacity = learned.Capacity, Offset = learned.Offset }),
        RotaryPositions rotary => Kind("RotaryPositions",
            new { Full = Of(rotary.Full), Windowed = rotary.Windowed is { } windowed ? Of(windowed) : null }),
        RelativePositions relative => Kind("RelativePositions", new
        {
            Buckets = relative.Buckets,
            MaximumDistance = relative.MaximumDistance,
            Bidirectional = relative.Bidirectional,
        }),
        _ => throw Unknown(positions),
    };

    private static object Of(RotarySpec rotary) =>
        new { Theta = rotary.Theta, RotatedSize = rotary.RotatedSize, Scaling = Of(rotary.Scaling) };

    private static object Of(RotaryScaling scaling) => scaling switch
    {
        NoScaling => Kind("NoScaling", new { }),
        LinearScaling linear => Kind("LinearScaling", new { Factor = linear.Factor }),
        DynamicScaling ntk => Kind("DynamicScaling", new { Factor = ntk.Factor }),
        Llama3Scaling llama3 => Kind("Llama3Scaling", new
        {
            Factor = llama3.Factor,
            LowFrequencyFactor = llama3.LowFrequencyFactor,
            HighFrequencyFactor = llama3.HighFrequencyFactor,
            OriginalContext = llama3.OriginalContext,
        }),
        YarnScaling yarn => Kind("YarnScaling", new
        {
            Factor = yarn.Factor,
            AttentionFactor = yarn.AttentionFactor,
            BetaFast = yarn.BetaFast,
            BetaSlow = yarn.BetaSlow,
            OriginalContext = yarn.OriginalContext,
            Truncate = yarn.Truncate,
        }),
        DivisorScaling divisor => Kind("DivisorScaling", new { Divisors = divisor.Divisors }),
        _ => throw Unknown(scaling),
    };

    private static object Kind(string kind, object value) => new { kind, value };

    private static int NumberOf(NormKind kind) => kind switch
    {
        NormKind.Layer => 0,
        NormKind.RootMeanSquare => 1,
        NormKind.RootMeanSquareOfOnePlus => 2,
        _ => throw Unknown(kind),
    };

    private static int NumberOf(Residual residual) => residual switch
    {
        Residual.NormFirst => 0,
        Residual.NormLast => 1,
        Residual.Parallel => 2,
        Residual.NormBothSides => 3,
        _ => throw Unknown(residual),
    };

    private static bool IsNormed(QueryKeyNorm norm) => norm switch
    {
        QueryKeyNorm.None => false,
        QueryKeyNorm.EachHead => true,
        _ => throw Unknown(norm),
    };

    private static int NumberOf(Activation activation) => activation switch
    {
        Activation.Silu => 0,
        Activation.Relu => 1,
        Activation.Gelu => 2,
        Activation.GeluTanh => 3,
        _ => throw Unknown(activation),
    };

    private static NotSupportedException Unknown(object part) =>
        new($"The model was saved by format 0x00010001, which had no bases with {part}.");
}
