using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tool.Tables;

namespace Microsoft.ML.PrefixTuning.Tool.Shards;

/// <summary>One part of a run, as its task works on it.</summary>
/// <param name="run">What all parts have in common.</param>
/// <param name="shard">Which part.</param>
/// <param name="whole">The file that the parts are for.</param>
internal sealed class ShardedRun(RunManifest run, RowShard shard, string whole)
{
    /// <summary>The part's file.</summary>
    public string Part => shard.PathOf(whole);

    /// <summary>Whether the part is done.</summary>
    public bool IsDone => PartRecord.Read(whole, shard, run) is not null;

    /// <summary>The rows of the part.</summary>
    public (long First, long End) Range => shard.RowsOf(run.Rows);

    /// <summary>How many rows each file has.</summary>
    public long[] FileRows => [.. run.Files.Select(file => file.Rows)];

    /// <summary>The rows of the part that were written.</summary>
    public PartialFile OpenPartial() =>
        PartialFile.Open(Part, FormattableString.Invariant($"{run.Hash} {shard.Index}"));

    /// <summary>Says that all rows are in the part's file.</summary>
    /// <param name="rows">How many there are.</param>
    /// <param name="table">What stands around rows.</param>
    /// <exception cref="InvalidOperationException">There are fewer than when the run began.</exception>
    public void Complete(long rows, TableWriter table)
    {
        if (rows != Range.End - Range.First)
        {
            throw new InvalidOperationException(FormattableString.Invariant($"'{Part}': expected ")
                + FormattableString.Invariant($"{Range.End - Range.First} rows, as when the run began, found {rows}."));
        }
        PartRecord.Write(whole, shard, run, rows, table);
    }
}
