using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Evaluation;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Evaluation;

[TestClass, TestCategory("Metrics")]
public class ChrFTests
{
    private static readonly Dictionary<string, ChrFOptions> Entries = new()
    {
        ["chrF2"] = ChrFOptions.Default,
        ["chrF2++"] = ChrFOptions.WithWords,
        ["chrF3_beta3"] = new() { Beta = 3 },
        ["chrF2_lc"] = new() { Lowercase = true },
        ["chrF2_eps"] = new() { EpsilonSmoothing = true },
        ["chrF2_keepws"] = new() { KeepWhitespace = true },
    };

    public static IEnumerable<object[]> Cases => GoldenMetrics.Cases(GoldenMetrics.SmallSets, Entries.Keys)
        .Concat(GoldenMetrics.Cases(["dartbart"], ["chrF2", "chrF2++", "chrF2_lc"]));

    private static JsonElement Published =>
        GoldenMetrics.Published.GetProperty("sacrebleu").GetProperty("test/test_chrf.py");

    [TestMethod, DynamicData(nameof(Cases))]
    public void Corpus_GoldenSet_EqualsSacreBleu(string set, string entry)
    {
        JsonElement golden = GoldenMetrics.Of(set).GetProperty("sacrebleu").GetProperty(entry).GetProperty("score");
        Assert.AreEqual(golden.GetDouble(), ChrF.Corpus(GoldenMetrics.Segments(set), Entries[entry]), 1e-9);
    }

    [TestMethod, DynamicData(nameof(GoldenMetrics.SmallSets), typeof(GoldenMetrics))]
    public void OfSegment_GoldenSet_EqualsSacreBleu(string set)
    {
        JsonElement golden = GoldenMetrics.Of(set).GetProperty("sacrebleu").GetProperty("segments");
        Segment[] segments = GoldenMetrics.Segments(set);
        for (int i = 0; i < segments.Length; i++)
        {
            Assert.AreEqual(golden[i].GetProperty("chrF2").GetDouble(),
                ChrF.OfSegment(segments[i], ChrFOptions.Default), 1e-9);
            Assert.AreEqual(golden[i].GetProperty("chrF2++").GetDouble(),
                ChrF.OfSegment(segments[i], ChrFOptions.WithWords), 1e-9);
        }
    }

    [TestMethod]
    [DataRow("corpus_chrf", true, false)]
    [DataRow("same, eps_smoothing=False", false, false)]
    [DataRow("remove_whitespace=False", true, true)]
    public void Corpus_SacreBleusCases_Equal(string cases, bool epsilon, bool keepWhitespace)
    {
        var options = new ChrFOptions { Beta = 3, EpsilonSmoothing = epsilon, KeepWhitespace = keepWhitespace };
        foreach (JsonElement item in Published.Starting(cases).EnumerateArray())
        {
            Segment[] segments = [.. item[0].EnumerateArray().Zip(item[1].EnumerateArray(),
                (output, reference) => new Segment(output.GetString()!, reference.GetString()!))];
            Assert.AreEqual(item[2].GetDouble(), ChrF.Corpus(segments, options), 1e-4, item.ToString());
        }
    }

    [TestMethod]
    public void OfSegment_SacreBleusCases_Equal()
    {
        foreach (JsonElement item in Published.Starting("sentence_chrf").EnumerateArray())
        {
            var segment =
                new Segment(item[0].GetString()!, [.. item[1].EnumerateArray().Select(text => text.GetString()!)]);
            Assert.AreEqual(item[2].GetDouble(), ChrF.OfSegment(segment, new ChrFOptions { EpsilonSmoothing = true }),
                1e-4);
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
    public void OfSegment_CharacterBeyondTheBasicPlane_IsOneCharacter()
    {
        // One of two characters is right, and no longer n-gram: (1/2 + 0) / 2 orders.
        Assert.AreEqual(25, ChrF.OfSegment(new Segment("😀x", "😀y"), ChrFOptions.Default), 1e-9);
    }
}
