using System;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// T5's bias on scores by the distance of key and query (Raffel et al. 2020, §2.1; buckets of its code).
/// </summary>
internal static class RelativeBias
{
    /// <summary>Adds the bias to a mask.</summary>
    /// <param name="columns">Positions of queries and keys; keys without a position get no bias.</param>
    /// <param name="positions">Buckets and their range.</param>
    /// <param name="table">[buckets, H].</param>
    /// <param name="mask">[B, 1, L, S] or null.</param>
    /// <param name="type">Type of the result.</param>
    /// <returns>[B, H, L, S].</returns>
    public static Tensor Add(AttentionPlaces columns, RelativePositions positions, Tensor table, Tensor? mask,
        ScalarType type)
    {
        // One row more than there are buckets: zeros, for keys without a position.
        var buckets = new long[columns.Rows * columns.Queries * columns.Keys];
        int at = 0;
        for (int row = 0; row < columns.Rows; row++)
        {
            for (int query = 0; query < columns.Queries; query++)
            {
                long from = columns.QueryPosition[row * columns.Queries + query];
                for (int key = 0; key < columns.Keys; key++, at++)
                {
                    int to = columns.KeyPosition[row * columns.Keys + key];
                    buckets[at] = to == AttentionPlaces.NoPosition
                        ? positions.Buckets
                        : Bucket((int)(to - from), positions);
                }
            }
        }
        Tensor rows = cat([table, zeros([1, table.size(1)], table.dtype, table.device)], 0);
        Tensor bias = rows.index_select(0, tensor(buckets, device: table.device))
            .view(columns.Rows, columns.Queries, columns.Keys, -1).permute(0, 3, 1, 2).to(type);
        return mask is null ? bias.contiguous() : bias.Plus(mask);
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
