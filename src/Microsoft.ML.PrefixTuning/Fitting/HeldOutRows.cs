using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Training;

namespace Microsoft.ML.PrefixTuning.Fitting;

/// <summary>Rows to learn from, and rows that are only measured.</summary>
/// <param name="Training">At least one row of every group.</param>
/// <param name="HeldOut">Rows that decide on the best step.</param>
internal sealed record HeldOutRows(List<TrainingExample> Training, List<TrainingExample> HeldOut)
{
    /// <summary>What a user should know of the choice; null where there is nothing.</summary>
    public string? Warning { get; private init; }

    /// <summary>
    /// Holds a share of the rows out, chosen by seed, a source with all its rows: never has one a part on both sides.
    /// Where all rows have one source, rows are chosen.
    /// </summary>
    /// <param name="rows">The rows.</param>
    /// <param name="fraction">
    /// Share of the rows, from 0 to below 1; sources are taken as long as that comes nearer to it.
    /// </param>
    /// <param name="seed">Seed.</param>
    public static HeldOutRows Choose(IReadOnlyList<TrainingExample> rows, double fraction, int seed)
    {
        int wanted = (int)(rows.Count * fraction);
        int[][] sources = [.. Enumerable.Range(0, rows.Count).GroupBy(row => rows[row].Origin)
            .Select(source => source.ToArray())];
        bool isOneSource = sources.Length < 2;
        int[][] units = isOneSource ? [.. Enumerable.Range(0, rows.Count).Select(row => (int[])[row])] : sources;
        new Random(seed).Shuffle(units);
        HashSet<int> held = Take(rows, units, wanted);
        return new HeldOutRows([.. rows.Where((_, row) => !held.Contains(row))],
            [.. rows.Where((_, row) => held.Contains(row))])
        {
            Warning = wanted == 0 ? null : Caution(isOneSource, held.Count),
        };
    }

    private static HashSet<int> Take(IReadOnlyList<TrainingExample> rows, int[][] units, int wanted)
    {
        Dictionary<int, int> left = rows.CountBy(row => row.Group).ToDictionary();
        var held = new HashSet<int>();
        foreach (int[] unit in units)
        {
            // With it the share is missed by no more than without it.
            if (unit.Length <= 2 * (wanted - held.Count))
                TakeOne(unit);
        }
        // None is that small: the smallest one is better than none.
        if (held.Count == 0 && wanted > 0)
        {
            foreach (int[] unit in units.OrderBy(unit => unit.Length).TakeWhile(_ => held.Count == 0))
                TakeOne(unit);
        }
        return held;

        void TakeOne(int[] unit)
        {
            int group = rows[unit[0]].Group;
            // What is held out must leave its group something to learn from.
            if (left[group] == unit.Length)
                return;
            left[group] -= unit.Length;
            held.UnionWith(unit);
        }
    }

    private static string? Caution(bool isOneSource, int held) => (isOneSource, held) switch
    {
        (_, 0) => "No row was held out (ValidationFraction), for each value of the attribute has the rows of one source"
            + " only. Give a ValidationSet, or set ValidationFraction to 0.",
        (true, _) => "All rows have the same input, so single rows were held out (ValidationFraction): what is"
            + " validated on is trained on, too. Give a ValidationSet of other inputs, or set ValidationFraction to 0.",
        _ => null,
    };
}
