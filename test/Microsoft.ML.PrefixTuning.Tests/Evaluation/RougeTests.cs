using System.Collections.Generic;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Evaluation;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Evaluation;

[TestClass, TestCategory("Metrics"), TestCategory("Quick")]
public class RougeTests
{
    public static IEnumerable<object[]> Cases =>
        GoldenMetrics.Cases(GoldenMetrics.AllSets, ["no_stemmer", "stemmer"]);

    private static JsonElement Published => GoldenMetrics.Published.GetProperty("google-research/rouge");

    [TestMethod, DynamicData(nameof(Cases))]
    public void Corpus_GoldenSet_EqualsRougeScore(string set, string entry)
    {
        JsonElement golden = GoldenMetrics.Of(set).GetProperty("rouge_score").GetProperty(entry)
            .GetProperty("mean_over_segments_of_max_F_over_refs");

        RougeScores scores = Rouge.Corpus(GoldenMetrics.Segments(set), stem: entry == "stemmer");

        foreach (string kind in (string[])["rouge1", "rouge2", "rougeL"])
            Assert.AreEqual(golden.GetProperty(kind).GetDouble(), Kind(scores, kind).F, 1e-9, kind);
    }

    [TestMethod, DynamicData(nameof(Cases))]
    public void OfSegment_EveryReference_EqualsRougeScore(string set, string entry)
    {
        if (!GoldenMetrics.Of(set).GetProperty("rouge_score").GetProperty(entry)
            .TryGetProperty("segments_per_reference_[P,R,F]", out JsonElement golden))
            return;
        Segment[] segments = GoldenMetrics.Segments(set);
        for (int i = 0; i < segments.Length; i++)
        {
            for (int j = 0; j < segments[i].References.Count; j++)
            {
                var pair = new Segment(segments[i].Output, segments[i].References[j]);
                RougeScores scores = Rouge.OfSegment(pair, stem: entry == "stemmer");
                foreach (string kind in (string[])["rouge1", "rouge2", "rougeL"])
                    AssertEqual(golden[i][j].GetProperty(kind), Kind(scores, kind), 1e-9);
            }
        }
    }

    [TestMethod]
    public void OfSegment_RougeScoresCases_Equal()
    {
        foreach (JsonElement item in Published.Starting("simple").EnumerateArray())
        {
            RougeScores scores = Rouge.OfSegment(new Segment(item[2].GetString()!, item[1].GetString()!), stem: false);
            AssertEqual(item, Kind(scores, item[0].GetString()!), 1e-9, from: 3);
        }
        foreach (JsonElement item in Published.Starting("against ROUGE-1.5.5").EnumerateArray())
        {
            RougeScores scores =
                Rouge.OfSegment(new Segment(item[3].GetString()!, item[2].GetString()!), item[1].GetBoolean());
            AssertEqual(item, Kind(scores, item[0].GetString()!), 1e-5, from: 4);
        }
    }

    [TestMethod]
    public void Corpus_EmptyTexts_IsZero()
    {
        Segment[][] sets =
            [[], [new Segment("", "a reference")], [new Segment("an output", "")], [new Segment("日本", "日本")]];
        foreach (Segment[] set in sets)
            Assert.AreEqual(RougeScores.Zero, Rouge.Corpus(set, stem: true));
    }

    [TestMethod]
    public void OfSegment_SeveralReferences_TakesTheBestForEachKind()
    {
        RougeScores scores = Rouge.OfSegment(new Segment("a b c d", "a b x y", "d c b a"), stem: false);
        Assert.AreEqual(new RougeScore(1, 1, 1), scores.Rouge1);
        Assert.AreEqual(1 / 3.0, scores.Rouge2.F, 1e-12);
    }

    private static RougeScore Kind(RougeScores scores, string kind) => kind switch
    {
        "rouge1" => scores.Rouge1,
        "rouge2" => scores.Rouge2,
        "rougeL" => scores.RougeL,
        _ => scores.RougeLsum,
    };

    private static void AssertEqual(JsonElement golden, RougeScore score, double tolerance, int from = 0)
    {
        double[] found = [score.Precision, score.Recall, score.F];
        for (int i = 0; i < found.Length; i++)
            Assert.AreEqual(golden[from + i].GetDouble(), found[i], tolerance, golden.ToString());
    }
}
