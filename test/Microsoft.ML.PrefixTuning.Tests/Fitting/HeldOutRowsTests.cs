using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.Rows;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Fitting;

/// <summary>Which rows are held out.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class HeldOutRowsTests
{
    [TestMethod]
    [DataRow(8, 30, 0.05)] // E2E: some eight references a source
    [DataRow(8, 3, 0.1)]
    [DataRow(3, 40, 0.3)]
    [DataRow(50, 2, 0.05)]
    public void Choose_OfRowsWithSharedSources_NeverSplitsOne(int references, int sources, double fraction)
    {
        for (int seed = 0; seed < 20; seed++)
        {
            // Rows of a source are not neighbours.
            TrainingExample[] rows = Rows(Enumerable.Range(0, references * sources).Select(row => row % sources));
            HeldOutRows split = HeldOutRows.Choose(rows, fraction, seed);
            int[] trained = Origins(split.Training), held = Origins(split.HeldOut);
            Assert.IsEmpty(trained.Intersect(held), $"seed {seed}");
            Assert.IsNotEmpty(held);
            Assert.AreEqual(rows.Length, split.Training.Count + split.HeldOut.Count);
            Assert.AreEqual(held.Length * references, split.HeldOut.Count, "all rows of each");
            double missed = Math.Abs(split.HeldOut.Count - (int)(rows.Length * fraction));
            Assert.IsTrue(missed <= references / 2.0 || held.Length == 1, $"held out {split.HeldOut.Count}");
            Assert.IsNull(split.Warning);
        }
    }

    [TestMethod]
    public void Choose_OfSourcesOfOneRow_ChoosesAsManyAsTheShare()
    {
        TrainingExample[] rows = Rows(Enumerable.Range(0, 100));
        HeldOutRows split = HeldOutRows.Choose(rows, 0.05, seed: 1);
        Assert.HasCount(5, split.HeldOut);
        CollectionAssert.AreEqual(split.HeldOut, HeldOutRows.Choose(rows, 0.05, seed: 1).HeldOut);
        CollectionAssert.AreNotEqual(split.HeldOut, HeldOutRows.Choose(rows, 0.05, seed: 2).HeldOut);
        Assert.IsEmpty(HeldOutRows.Choose(rows, 0, seed: 1).HeldOut);
        Assert.IsEmpty(HeldOutRows.Choose(rows[..12], 0.05, seed: 1).HeldOut, "less than a row");
    }

    [TestMethod]
    public void Choose_OfOneSource_ChoosesRowsAndWarns()
    {
        HeldOutRows split = HeldOutRows.Choose(Rows(Enumerable.Repeat(7, 40)), 0.1, seed: 1);
        Assert.HasCount(4, split.HeldOut);
        Assert.StartsWith("All rows have the same input", split.Warning!);
    }

    [TestMethod]
    public void Choose_OfGroups_LeavesEachARowToLearnFrom()
    {
        // Group 1 has one source of two rows, group 0 ten sources.
        TrainingExample[] rows =
            [.. Rows(Enumerable.Range(0, 10)), .. Rows([10, 10]).Select(row => row with { Group = 1 })];
        for (int seed = 0; seed < 20; seed++)
        {
            HeldOutRows split = HeldOutRows.Choose(rows, 0.9, seed);
            CollectionAssert.AreEquivalent((int[])[0, 1], split.Training.Select(row => row.Group).Distinct().ToArray());
            Assert.HasCount(9, split.HeldOut);
        }
        HeldOutRows none = HeldOutRows.Choose([rows[0], rows[10], rows[11]], 0.5, seed: 1);
        Assert.IsEmpty(none.HeldOut);
        Assert.StartsWith("No row was held out", none.Warning!);
    }

    [TestMethod]
    public void Of_Rows_TellsSourcesApartByTextAndAttribute()
    {
        var sources = new SourceNumbers();
        int[] found = [.. new[]
        {
            new InputRow(0, "a"), new InputRow(1, "b"), new InputRow(2, "a"), new InputRow(3, "a", "b"),
            new InputRow(4, "ab"), new InputRow(5, "a", "b"), new InputRow(6, ""), new InputRow(7, "a", "c"),
        }.Select(sources.Of)];
        CollectionAssert.AreEqual((int[])[0, 1, 0, 2, 3, 2, 4, 5], found);
    }

    private static TrainingExample[] Rows(IEnumerable<int> origins) =>
        [.. origins.Select((origin, row) => new TrainingExample([1], [2], Row: row) { Origin = origin })];

    private static int[] Origins(IEnumerable<TrainingExample> rows) => [.. rows.Select(row => row.Origin).Distinct()];
}
