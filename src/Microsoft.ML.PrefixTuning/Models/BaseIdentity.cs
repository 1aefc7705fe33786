using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using static Microsoft.ML.PrefixTuning.Models.NamedValue;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// Which model a base is: every value that decides what it computes, under a name of its own (docs/model-file.md). Not
/// where its files lie, not its number type, and not the ids and lengths that steer its texts. A prefix fits only the
/// base it was made for.
/// </summary>
/// <remarks>
/// Saved models and prefixes hold this list for good, so names and texts are written here by hand and never taken from
/// the code's own names. A new value of <see cref="TransformerSpec"/> gets a new name and is left out where it is
/// neutral: then all that was saved stays what it is. <see cref="Version"/> rises only when a name that is here comes
/// to mean another thing.
/// </remarks>
internal sealed class BaseIdentity : IBaseIdentity
{
    /// <summary>Version of the names and of what they mean.</summary>
    public const int Version = 1;

    private const string VersionName = "identity", FamilyName = "family", VocabularyName = "vocabulary",
        WidthName = "width", LayersName = "decoder.layers", WeightsName = "weights";

    private const int HashDigits = 64;

    private BaseIdentity(NamedValues values) => Values = values;

    /// <summary>The list.</summary>
    public NamedValues Values { get; }

    public string Weights => Values[WeightsName]!;

    public string Summary => $"{Values[FamilyName]}, {Values[LayersName]} layers, width {Values[WidthName]}, "
        + $"vocabulary {Values[VocabularyName]}";

    /// <summary>The identity of a model.</summary>
    /// <param name="spec">What its config means.</param>
    /// <param name="weights">SHA-256 of its tensors, as <see cref="Weights"/>.</param>
    public static BaseIdentity Of(TransformerSpec spec, string weights) => new(new NamedValues(
    [
        Number(VersionName, Version),
        Named(FamilyName, spec.Family),
        Number(VocabularyName, spec.VocabularySize),
        Number(WidthName, spec.Width),
        Unless(spec.Width, "embedding.width", spec.EmbeddingWidth),
        Unless(1.0, "embedding.scale", spec.EmbeddingScale),
        Unless(int.MaxValue, "context", spec.ContextLength),
        .. Under("decoder.", Of(spec.Decoder)),
        .. spec.Encoder is { } encoder ? Under("encoder.", Of(encoder)) : [],
        Named("head.matrix", spec.Head.Tied ? "embedding" : "own"),
        If(spec.Head.Bias, "head.bias"),
        Unless(1.0, "head.scale", spec.Head.Scale),
        NumberIfAny("head.cap", spec.Head.Cap),
        Named(WeightsName, weights),
    ]));

    /// <summary>Takes a list that was saved.</summary>
    /// <exception cref="FormatException">It lacks what every list has.</exception>
    /// <exception cref="NotSupportedException">A newer version wrote it.</exception>
    public static BaseIdentity Read(NamedValues values)
    {
        string? version = values[VersionName];
        if (!int.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number < 1)
            throw new FormatException($"{VersionName}: expected a number from 1, found {version ?? "nothing"}");
        if (number > Version)
        {
            throw new NotSupportedException(
                $"{VersionName}: found {number}, the newest that is read here is {Version}");
        }
        foreach (string name in (string[])[FamilyName, VocabularyName, WidthName, LayersName])
        {
            if (values[name] is null)
                throw new FormatException($"{name}: expected a value, found nothing");
        }
        if (values[WeightsName] is not { Length: HashDigits } hash || !hash.All(char.IsAsciiHexDigitLower))
        {
            throw new FormatException($"{WeightsName}: expected {HashDigits} hexadecimal digits in lower case, "
                + $"found {values[WeightsName] ?? "nothing"}");
        }
        return new BaseIdentity(values);
    }

    public string? Difference(TransformerSpec spec, string weights) => Difference(Of(spec, weights));

    /// <summary>Which values of a base that was found are not those of this one, as text; null where none is.</summary>
    public string? Difference(BaseIdentity found) => Values.Difference(found.Values);

    private static IEnumerable<NamedValue> Of(StackSpec stack) =>
    [
        Number("layers", stack.Layers),
        Number("heads", stack.Heads.Count),
        Number("key_value_heads", stack.Heads.KeyValueCount),
        Number("head_size", stack.Heads.Size),
        Named("norm", NameOf(stack.Norm.Kind)),
        Number("norm.epsilon", stack.Norm.Epsilon),
        Named("residual", NameOf(stack.Residual)),
        Named("feed_forward.activation", NameOf(stack.FeedForward.Activation)),
        Number("feed_forward.inner", stack.FeedForward.Inner),
        If(stack.FeedForward.Gated, "feed_forward.gated"),
        .. Of(stack.Positions),
        Unless(UsualScale(stack), "score_scale", stack.ScoreScale ?? UsualScale(stack)),
        NumberIfAny("score_cap", stack.ScoreCap),
        Unless(1.0, "residual_scale", stack.ResidualScale),
        Named("query_key_norm", NameOf(stack.QueryKeyNorm)),
        If(!stack.FinalNorm, "no_final_norm"),
        If(stack.EmbeddingNorm, "embedding_norm"),
        If(stack.CrossAttention, "cross_attention"),
        Named("windows", Windows(stack.Windows)),
    ];

    private static double UsualScale(StackSpec stack) => 1 / Math.Sqrt(stack.Heads.Size);

    private static string? Windows(IReadOnlyList<int?> windows) => windows.All(window => window is null) ? null
        : string.Join(' ', windows.Select(window => window?.ToString(CultureInfo.InvariantCulture) ?? "none"));

    private static IEnumerable<NamedValue> Of(Positions positions) => positions switch
    {
        LearnedPositions learned =>
        [
            Named("positions", "learned"),
            Number("positions.capacity", learned.Capacity),
            Unless(0, "positions.offset", learned.Offset),
            If(learned.IsSinusoid, "positions.sinusoid"),
        ],
        RotaryPositions rotary =>
        [
            Named("positions", "rotary"),
            .. Under("rotary.", Of(rotary.Full)),
            .. rotary.Windowed is { } windowed ? Under("rotary_in_windows.", Of(windowed)) : [],
            Named("rotary.none_in", rotary.Unrotated.Count == 0 ? null : string.Join(' ', rotary.Unrotated)),
        ],
        RelativePositions relative =>
        [
            Named("positions", "relative"),
            Number("positions.buckets", relative.Buckets),
            Number("positions.maximum_distance", relative.MaximumDistance),
            If(relative.Bidirectional, "positions.bidirectional"),
        ],
        _ => throw new UnreachableException($"Positions {positions} have no name here."),
    };

    private static IEnumerable<NamedValue> Of(RotarySpec rotary) =>
    [
        Number("theta", rotary.Theta),
        Number("size", rotary.RotatedSize),
        .. Under("scaling", Of(rotary.Scaling)),
    ];

    private static IEnumerable<NamedValue> Of(RotaryScaling scaling) => scaling switch
    {
        NoScaling => [],
        LinearScaling linear => [Named("", "linear"), Number(".factor", linear.Factor)],
        DynamicScaling ntk => [Named("", "dynamic"), Number(".factor", ntk.Factor)],
        Llama3Scaling llama3 =>
        [
            Named("", "llama3"),
            Number(".factor", llama3.Factor),
            Number(".low_frequency_factor", llama3.LowFrequencyFactor),
            Number(".high_frequency_factor", llama3.HighFrequencyFactor),
            Number(".original_context", llama3.OriginalContext),
        ],
        YarnScaling yarn =>
        [
            Named("", "yarn"),
            Number(".factor", yarn.Factor),
            Unless(1.0, ".attention_factor", yarn.AttentionFactor),
            Number(".beta_fast", yarn.BetaFast),
            Number(".beta_slow", yarn.BetaSlow),
            Number(".original_context", yarn.OriginalContext),
            If(!yarn.Truncate, ".not_truncated"),
        ],
        DivisorScaling divisor =>
        [
            Named("", "divisors"),
            Named(".divisors", string.Join(' ', divisor.Divisors.Select(NameOf))),
            Unless(1.0, ".attention_factor", divisor.AttentionFactor),
        ],
        _ => throw new UnreachableException($"Rotary scaling {scaling} has no name here."),
    };

    private static string NameOf(float value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string NameOf(NormKind kind) => kind switch
    {
        NormKind.Layer => "layer",
        NormKind.RootMeanSquare => "rms",
        NormKind.RootMeanSquareOfOnePlus => "rms_of_one_plus",
        _ => throw new UnreachableException($"Norm {kind} has no name here."),
    };

    private static string NameOf(Residual residual) => residual switch
    {
        Residual.NormFirst => "norm_first",
        Residual.NormLast => "norm_last",
        Residual.Parallel => "parallel",
        Residual.NormBothSides => "norm_both_sides",
        Residual.NormBehind => "norm_behind",
        _ => throw new UnreachableException($"Residual {residual} has no name here."),
    };

    private static string? NameOf(QueryKeyNorm norm) => norm switch
    {
        QueryKeyNorm.None => null,
        QueryKeyNorm.EachHead => "yes",
        QueryKeyNorm.AllHeads => "all_heads",
        _ => throw new UnreachableException($"Query/key norm {norm} has no name here."),
    };

    private static string NameOf(Activation activation) => activation switch
    {
        Activation.Silu => "silu",
        Activation.Relu => "relu",
        Activation.Gelu => "gelu",
        Activation.GeluTanh => "gelu_tanh",
        _ => throw new UnreachableException($"Activation {activation} has no name here."),
    };
}
