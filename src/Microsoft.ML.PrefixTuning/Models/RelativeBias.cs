using System;
using System.Linq;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// T5's bias on scores by the distance of key and query (Raffel et al. 2020, §2.1; buckets of its code).
/// </summary>
internal static class RelativeBias
{
    /// <summary>Adds the bias to a mask.</summary>
    /// <param name="places">Positions of queries and keys; keys without a position get no bias.</param>
    /// <param name="positions">Buckets and their range.</param>
    /// <param name="table">[buckets, H].</param>
    /// <param name="mask">[B, 1, L, S] or null.</param>
    /// <param name="type">Type of the result.</param>
    /// <returns>[B, H, L, S].</returns>
    public static Tensor Add(AttentionPlaces places, RelativePositions positions, Tensor table, Tensor? mask,
        ScalarType type)
    {
        long[] has = Array.ConvertAll(places.KeyPosition, place => place == AttentionPlaces.NoPosition ? 0L : 1L);
        long first = places.KeyPosition.Where((_, key) => has[key] == 1).DefaultIfEmpty().Min();
        long lowest = first - places.QueryPosition.Max();
        long highest = Math.Max(lowest, places.KeyPosition.Max() - places.QueryPosition.Min());
        Tensor ofDistance = OfDistances(lowest, highest, positions, table); // [1 + distances, H]
        long[] keys = Array.ConvertAll(places.KeyPosition, place => place - lowest + 1);
        Tensor distances = OfKeys(keys).add(OfQueries(places.QueryPosition), Scalars.MinusOne)
            .mul_(OfKeys(has));                                                                     // [B, L, S]
        Tensor bias = ofDistance.index_select(0, distances.flatten())
            .view(places.Rows, places.Queries, places.Keys, -1).permute(0, 3, 1, 2).to(type);
        return mask is null ? bias.contiguous() : bias.Plus(mask);

        Tensor OfQueries(long[] values) => tensor(values, [places.Rows, places.Queries, 1], device: table.device);

        Tensor OfKeys(long[] values) => tensor(values, [places.Rows, 1, places.Keys], device: table.device);
    }

    /// <summary>
    /// A row of zeros, for keys without a position, and behind it the bias of every distance of a range.
    /// </summary>
    private static Tensor OfDistances(long lowest, long highest, RelativePositions positions, Tensor table)
    {
        var buckets = new long[highest - lowest + 1];
        for (int i = 0; i < buckets.Length; i++)
            buckets[i] = Bucket((int)(lowest + i), positions);
        Tensor rows = table.index_select(0, tensor(buckets, device: table.device));
        return cat([zeros([1, table.size(1)], table.dtype, table.device), rows], 0);
    }

    /// <summary>The bucket of key position - query position.</summary>
    internal static int Bucket(int distance, RelativePositions positions)
    {
        int buckets = positions.Buckets, bucket = 0;
        if (positions.Bidirectional)
        {
            buckets /= 2;
            if (distance > 0)
                bucket = buckets;
            distance = Math.Abs(distance);
        }
        else
        {
            distance = Math.Max(-distance, 0);
        }
        int exact = buckets / 2;
        if (distance < exact)
            return bucket + distance;
        // float32, as the reference computes it: the floor of a logarithm near a whole number depends on it.
        float scaled = MathF.Log((float)distance / exact) / (float)Math.Log((double)positions.MaximumDistance / exact)
            * (buckets - exact);
        return bucket + Math.Min(exact + (int)scaled, buckets - 1);
    }
}
