using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// A memory of every query head outside of the softmax (Wang et al. 2025, arXiv 2506.13674): elu(q)^T M of a query
/// before it is rotated, for which no place counts, is added to what the head takes from the values.
/// </summary>
internal static class HeadMemory
{
    /// <summary>What queries take from it.</summary>
    /// <param name="queries">[B, L, H, D], before they are rotated.</param>
    /// <param name="memory">M, [H, D, D], which all rows share, or [B, H, D, D]; in the type of the queries.</param>
    /// <returns>[B, L, H * D].</returns>
    public static Tensor Recall(Tensor queries, Tensor memory)
    {
        Tensor mapped = queries.elu(Scalars.Real(1), Scalars.Real(1), Scalars.Real(1));
        if (memory.Dimensions == 4)
        {
            return mapped.transpose(Axis.Token, Axis.Key).matmul(memory).transpose(Axis.Token, Axis.Key)
                .flatten(Axis.Key);
        }
        // All rows in one product a head: M is neither copied for each of them nor is its gradient made row by row.
        long rows = queries.size(Axis.Row), tokens = queries.size(Axis.Token), heads = queries.size(Axis.Key);
        return mapped.permute(2, 0, 1, 3).reshape(heads, rows * tokens, -1).matmul(memory)          // [H, B * L, D]
            .view(heads, rows, tokens, -1).permute(1, 2, 0, 3).flatten(Axis.Key);
    }
}
