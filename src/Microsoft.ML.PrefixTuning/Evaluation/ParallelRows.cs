using System;
using System.Collections.Generic;
using System.Threading.Tasks;

namespace Microsoft.ML.PrefixTuning.Evaluation;

/// <summary>Works on rows on all cores.</summary>
internal static class ParallelRows
{
    /// <summary>
    /// What a pure function gives for each row, in the rows' order, so that sums over it repeat to the bit.
    /// </summary>
    public static TResult[] Map<TRow, TResult>(IReadOnlyList<TRow> rows, Func<TRow, TResult> function)
    {
        var results = new TResult[rows.Count];
        Parallel.For(0, results.Length, index => results[index] = function(rows[index]));
        return results;
    }
}
