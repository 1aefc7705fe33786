using System;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>What the queries of a pass do not see in a layer, in the form that attention takes.</summary>
/// <param name="Added">
/// Added to scores, [B, 1 or G, R * L or 1, S], or [B, 1, 1, S] where heads are apart; null where nothing is.
/// </param>
/// <param name="HeadsApart">
/// The R query heads of a group are taken one after the other, not as one axis: nothing then has R * L rows.
/// </param>
/// <param name="IsCausal">Token i sees the first S - L + i + 1 keys, and no tensor says so.</param>
/// <param name="Parts">Where the mask is made for some queries after the other; then the rest says nothing.</param>
internal readonly record struct AttentionMask(Tensor? Added, bool HeadsApart = false, bool IsCausal = false,
    MaskParts? Parts = null)
{
    /// <summary>The mask of a layer.</summary>
    /// <param name="places">Who sees whom.</param>
    /// <param name="rule">What it is made from.</param>
    /// <param name="mostNumbers">Numbers beyond which it is not made for all queries of all heads at once.</param>
    public static AttentionMask Of(AttentionPlaces places, MaskRule rule, long mostNumbers)
    {
        HeadShape heads = rule.Stack.Heads;
        long pairs = (long)places.Rows * places.Queries * places.Keys;
        // A bias that is trained needs the way back through its mask. Of one query a row there is little, and which way
        // it takes must not depend on how many rows and keys there are.
        if (pairs * (rule.Bias is null ? heads.Group : heads.Count) <= mostNumbers || places.Queries == 1
            || rule.Bias is { requires_grad: true })
        {
            return new AttentionMask(Whole(places, rule));
        }
        // The kernel alone knows an order without a mask, and it knows neither a bias nor a cap.
        if (rule.Bias is null && rule.Stack.ScoreCap is null)
        {
            if (!places.HidesAny(rule.Window))
                return new AttentionMask(null, HeadsApart: true);
            // It counts queries for the keys in front, too: with more of these than tokens, a part's mask costs less.
            if (places.Keys <= 2L * places.Queries && places.IsCausal(rule.Window))
                return new AttentionMask(null, HeadsApart: true, IsCausal: true);
            if (rule.Window is null && places.SeeAlike())
                return new AttentionMask(Whole(places, rule), HeadsApart: true);
        }
        return new AttentionMask(null,
            Parts: new MaskParts(places, rule, Math.Min(mostNumbers, MaskParts.MostNumbers)));
    }

    /// <summary>
    /// A mask of all queries, in the type that attention takes it in: widened by each layer, it would be kept by each
    /// for the way back. What it is made from ends here.
    /// </summary>
    private static Tensor? Whole(AttentionPlaces places, MaskRule rule)
    {
        using var scope = NewDisposeScope();
        MaskRule taken = Attention.Widens(rule.Type, rule.Device.type) ? rule with { Type = ScalarType.Float32 } : rule;
        return taken.Of(places)?.MoveToOuterDisposeScope();
    }
}

/// <summary>
/// A mask that is made for a part of the queries at a time: of all it would have a number a query and key. Its tensors
/// belong to the dispose scope of who asks for them.
/// </summary>
/// <param name="places">Who sees whom.</param>
/// <param name="rule">What it is made from.</param>
/// <param name="mostNumbers">Numbers of a part's scores.</param>
internal sealed class MaskParts(AttentionPlaces places, MaskRule rule, long mostNumbers)
{
    /// <summary>
    /// Numbers of a part's scores, all rows and heads together: 16 MiB in float32, which the heap keeps and hands out
    /// again. Larger pieces come from the system each time, and its clearing of pages costs more than the attention.
    /// </summary>
    public const long MostNumbers = 1L << 22;

    /// <summary>All queries of a row.</summary>
    public int Queries => places.Queries;

    /// <summary>Queries of a part, at least one.</summary>
    public int Size { get; } = (int)Math.Clamp(
        mostNumbers / Math.Max(1, (long)places.Rows * places.Keys * rule.Stack.Heads.Count), 1, places.Queries);

    /// <summary>The mask of some queries, contiguous: of others the fused kernel makes all scores.</summary>
    public AttentionMask Of(int first, int count) => new(rule.Of(places.OfQueries(first, count))?.contiguous());
}
