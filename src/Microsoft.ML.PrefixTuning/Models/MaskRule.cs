using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>What a layer's mask is made from, whatever the queries.</summary>
/// <param name="Stack">Query groups, and the buckets of a relative bias.</param>
/// <param name="Window">Keys that a query sees, from its own place back; null for all.</param>
/// <param name="Bias">The relative bias [buckets, H], or null.</param>
/// <param name="Type">Type of the computation.</param>
/// <param name="Device">Device of the computation.</param>
internal sealed record MaskRule(StackSpec Stack, int? Window, Tensor? Bias, ScalarType Type, Device Device)
{
    // Finite, so that a row which sees nothing (padding) stays finite too; exp of it is an exact 0.
    private static readonly Scalar s_invisible = (-1e30).ToScalar();

    /// <summary>The mask of some queries.</summary>
    /// <param name="places">Who sees whom.</param>
    /// <returns>
    /// Added to scores, [B, 1 or G, R * L or 1, S], R the query heads of a key/value head; null where nothing is.
    /// </returns>
    public Tensor? Of(AttentionPlaces places)
    {
        Tensor? hidden = OfHidden(places);
        if (Bias is not null)
            return RelativeBias.Add(places, (RelativePositions)Stack.Positions, Bias, hidden, Type);
        return hidden is null || hidden.size(Axis.Key) == 1 || Stack.Heads.Group == 1 ? hidden
            : hidden.repeat(1, 1, Stack.Heads.Group, 1);
    }

    /// <summary>[B, 1, L or 1, S], or null.</summary>
    private Tensor? OfHidden(AttentionPlaces places)
    {
        if (!places.HidesAny(Window))
            return null;
        // Where all queries of a row see the same, one stands for all.
        int queries = Window is null && places.SeeAlike() ? 1 : places.Queries;
        Tensor hidden = OfKeys(places.KeyOrder).gt(OfQueries(places.QueryOrder));                   // [B, L or 1, S]
        if (Window is { } size)
        {
            Tensor passed = OfQueries(places.QueryColumn).add(OfKeys(places.KeyColumn), Scalars.MinusOne);
            Tensor exempt = tensor(places.KeyExempt, [places.Rows, 1, places.Keys], device: Device);
            hidden = hidden.logical_or_(passed.ge(Scalars.Whole(size)).logical_and_(exempt.logical_not()));
        }
        if (places.KeyBranch is { } branches)
        {
            Tensor ofKeys = OfKeys(branches);
            hidden = hidden.logical_or_(ofKeys.ne(OfQueries(places.QueryBranch!))
                .logical_and_(ofKeys.ne(Scalars.Whole(0))));
        }
        return zeros([places.Rows, 1, queries, places.Keys], Type, Device)
            .masked_fill_(hidden.unsqueeze(1), s_invisible);

        Tensor OfQueries(int[] values) => tensor(values, [places.Rows, places.Queries, 1], device: Device)
            .narrow(Axis.Token, 0, queries);

        Tensor OfKeys(int[] values) => tensor(values, [places.Rows, 1, places.Keys], device: Device);
    }
}
