using System.Collections.Generic;
using System.Linq;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Models;

/// <summary>
/// Rows of token ids as one tensor, shorter ones padded behind. It belongs to the current dispose scope.
/// </summary>
/// <param name="Ids">[B, L], int64; 0 where a row has no token.</param>
/// <param name="Lengths">[B]: real tokens of each row.</param>
internal sealed record TokenRows(Tensor Ids, int[] Lengths)
{
    /// <summary>L: tokens of the longest row.</summary>
    public int Width => (int)Ids.size(Axis.Token);

    /// <summary>Puts rows side by side.</summary>
    /// <param name="rows">The ids of each row.</param>
    /// <param name="device">Where they go.</param>
    public static TokenRows Pad(IReadOnlyList<int[]> rows, Device device)
    {
        int width = rows.Max(row => row.Length);
        var ids = new long[(long)rows.Count * width];
        for (int row = 0; row < rows.Count; row++)
        {
            for (int i = 0; i < rows[row].Length; i++)
                ids[(long)row * width + i] = rows[row][i];
        }
        return new TokenRows(tensor(ids, [rows.Count, width], device: device), [.. rows.Select(row => row.Length)]);
    }
}
