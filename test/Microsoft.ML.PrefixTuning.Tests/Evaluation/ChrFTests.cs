using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Evaluation;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Evaluation;

[TestClass, TestCategory("Metrics"), TestCategory("Quick")]
public class ChrFTests
{
    private static readonly Dictionary<string, ChrFOptions> Entries = new()
    {
        ["chrF2"] = ChrFOptions.Default,
        ["chrF2++"] = ChrFOptions.WithWords,
        ["chrF2_lc"] = new() { Lowercase = true },
    };

    public static IEnumerable<object[]> Cases => GoldenMetrics.Cases(GoldenMetrics.SmallSets, Entries.Keys)
        .Concat(GoldenMetrics.Cases(["dartbart"], ["chrF2", "chrF2++", "chrF2_lc"]));

    [TestMethod, DynamicData(nameof(Cases))]
    public void Corpus_GoldenSet_EqualsSacreBleu(string set, string entry)
    {
        JsonElement golden = GoldenMetrics.Of(set).GetProperty("sacrebleu").GetProperty(entry).GetProperty("score");
        Assert.AreEqual(golden.GetDouble(), ChrF.Corpus(GoldenMetrics.Segments(set), Entries[entry]), 1e-9);
    }

    [TestMethod, DynamicData(nameof(GoldenMetrics.SmallSets), typeof(GoldenMetrics))]
    public void Corpus_OneSegment_EqualsSacreBleu(string set)
    {
        JsonElement golden = GoldenMetrics.Of(set).GetProperty("sacrebleu").GetProperty("segments");
        Segment[] segments = GoldenMetrics.Segments(set);
        for (int i = 0; i < segments.Length; i++)
        {
            Assert.AreEqual(golden[i].GetProperty("chrF2").GetDouble(),
                ChrF.Corpus([segments[i]], ChrFOptions.Default), 1e-9);
            Assert.AreEqual(golden[i].GetProperty("chrF2++").GetDouble(),
                ChrF.Corpus([segments[i]], ChrFOptions.WithWords), 1e-9);
        }
    }

    [TestMethod]
    public void Corpus_EmptyTexts_IsZero()
    {
        Assert.AreEqual(0, ChrF.Corpus([], ChrFOptions.WithWords));
        Assert.AreEqual(0, ChrF.Corpus([new Segment("", "a reference")], ChrFOptions.WithWords));
        Assert.AreEqual(0, ChrF.Corpus([new Segment("an output", "")], ChrFOptions.WithWords));
    }

    [TestMethod]
    public void Corpus_CharacterBeyondTheBasicPlane_IsOneCharacter()
    {
        // One of two characters is right, and no longer n-gram: (1/2 + 0) / 2 orders.
        Assert.AreEqual(25, ChrF.Corpus([new Segment("😀x", "😀y")], ChrFOptions.Default), 1e-9);
    }
}
