using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>What neighbouring rows of one source have in common in a pass.</summary>
internal enum RowPacking
{
    /// <summary>Nothing: each reads its source itself.</summary>
    None,

    /// <summary>
    /// A row of the decoder: the source once, and behind it the targets, each of which sees the source and itself.
    /// </summary>
    OneRow,

    /// <summary>A row of the encoder; in the decoder each has its own.</summary>
    OneEncoding,
}

/// <summary>Neighbouring rows of one source and one prefix, which a pass reads once.</summary>
/// <param name="Rows">The rows: one, or several whose source has a token.</param>
internal sealed record RowPack(IReadOnlyList<TrainingExample> Rows)
{
    /// <summary>Whether rows have one source and one prefix.</summary>
    public static EqualityComparer<TrainingExample> OneSource { get; } = EqualityComparer<TrainingExample>.Create(
        (left, right) => left!.Group == right!.Group && left.Source.AsSpan().SequenceEqual(right.Source), HashOf);

    /// <summary>The source of them all.</summary>
    public int[] Source => Rows[0].Source;

    /// <summary>Which of several prefixes they train.</summary>
    public int Group => Rows[0].Group;

    /// <summary>Real tokens of the source, once, and of all targets.</summary>
    public int Tokens => Source.Length + Rows.Sum(row => row.Target.Length);

    /// <summary>
    /// Tokens of each target that are read, all but its last one, which is only predicted; null for one row.
    /// </summary>
    public int[]? Branches => Rows.Count == 1 ? null : [.. Rows.Select(row => Math.Max(0, row.Target.Length - 1))];

    /// <summary>The packs of a pass's rows, in their order.</summary>
    /// <param name="rows">The rows; those of one source stand side by side.</param>
    /// <param name="packing">What they have in common; where it is nothing, each is a pack by itself.</param>
    public static RowPack[] Of(IReadOnlyList<TrainingExample> rows, RowPacking packing)
    {
        var packs = new List<List<TrainingExample>>();
        foreach (TrainingExample row in rows)
        {
            if (packs.Count > 0 && AreOne(packs[^1][0], row, packing))
                packs[^1].Add(row);
            else
                packs.Add([row]);
        }
        return [.. packs.Select(pack => new RowPack(pack))];
    }

    /// <summary>
    /// Whether neighbouring rows are of one pack. Without a source nothing predicts the first token of a target: there
    /// is nothing to read once.
    /// </summary>
    /// <param name="left">A row.</param>
    /// <param name="right">The next one.</param>
    /// <param name="packing">What rows of one source have in common.</param>
    public static bool AreOne(TrainingExample left, TrainingExample right, RowPacking packing) =>
        packing != RowPacking.None && right.Source.Length > 0 && OneSource.Equals(left, right);

    /// <summary>Real tokens of a pass's rows, each source as often as it is read.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="packing">What they have in common.</param>
    public static long TokensOf(IReadOnlyList<TrainingExample> rows, RowPacking packing) =>
        Of(rows, packing).Sum(pack => (long)pack.Tokens);

    private static int HashOf(TrainingExample row)
    {
        var hash = new HashCode();
        hash.Add(row.Group);
        hash.AddBytes(MemoryMarshal.AsBytes(row.Source.AsSpan()));
        return hash.ToHashCode();
    }
}
