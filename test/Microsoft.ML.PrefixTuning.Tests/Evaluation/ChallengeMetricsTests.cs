using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Evaluation;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Evaluation;

/// <summary>BLEU, NIST, ROUGE-L and CIDEr as the scripts of the E2E challenge give them.</summary>
[TestClass, TestCategory("Metrics"), TestCategory("Quick")]
public class ChallengeMetricsTests
{
    [TestMethod, DynamicData(nameof(GoldenMetrics.AllSets), typeof(GoldenMetrics))]
    public void MtevalBleuCorpus_GoldenSet_EqualsPymteval(string set)
    {
        JsonElement golden = GoldenMetrics.Of(set).GetProperty("pymteval");
        Segment[] segments = GoldenMetrics.Segments(set);

        Assert.AreEqual(golden.GetProperty("BLEU").GetDouble(), MtevalBleu.Corpus(segments), 1e-9);
    }

    [TestMethod, DynamicData(nameof(GoldenMetrics.AllSets), typeof(GoldenMetrics))]
    public void NistCorpus_GoldenSet_EqualsPymteval(string set)
    {
        JsonElement golden = GoldenMetrics.Of(set).GetProperty("pymteval");
        Segment[] segments = GoldenMetrics.Segments(set);

        Assert.AreEqual(golden.GetProperty("NIST").GetDouble(), Nist.Corpus(segments), 1e-9);
    }

    [TestMethod, DynamicData(nameof(GoldenMetrics.SmallSets), typeof(GoldenMetrics))]
    public void NistCorpus_SingleSegments_EqualPymteval(string set)
    {
        JsonElement golden = GoldenMetrics.Of(set).GetProperty("pymteval").GetProperty("segments");
        Segment[] segments = GoldenMetrics.Segments(set);
        for (int i = 0; i < segments.Length; i++)
        {
            // The source divides by negative lengths there.
            if (golden[i].GetProperty("NIST").ValueKind == JsonValueKind.Null)
                continue;
            Assert.AreEqual(golden[i].GetProperty("NIST").GetDouble(), Nist.Corpus([segments[i]]), 1e-9);
        }
    }

    [TestMethod, DynamicData(nameof(GoldenMetrics.AllSets), typeof(GoldenMetrics))]
    public void CaptionRougeLAndCider_GoldenSet_EqualPycocoevalcap(string set)
    {
        JsonElement golden = GoldenMetrics.Of(set).GetProperty("pycocoevalcap_on_tok");
        Segment[] segments = GoldenMetrics.Segments(set);

        Assert.AreEqual(golden.GetProperty("ROUGE_L").GetDouble(), CaptionRougeL.Corpus(segments), 1e-9);
        Assert.AreEqual(golden.GetProperty("CIDEr").GetDouble(), Cider.Corpus(segments), 1e-9);
    }

    [TestMethod, DynamicData(nameof(GoldenMetrics.SmallSets), typeof(GoldenMetrics))]
    public void CaptionRougeLAndCider_Segments_EqualPycocoevalcap(string set)
    {
        JsonElement golden = GoldenMetrics.Of(set).GetProperty("pycocoevalcap_on_tok");
        Segment[] segments = GoldenMetrics.Segments(set);
        double[] cider = Cider.OfSegments(segments);
        for (int i = 0; i < segments.Length; i++)
        {
            Assert.AreEqual(golden.GetProperty("ROUGE_L_segments")[i].GetDouble(), CaptionRougeL.OfSegment(segments[i]),
                1e-9);
            Assert.AreEqual(golden.GetProperty("CIDEr_segments")[i].GetDouble(), cider[i], 1e-9);
        }
    }

    [TestMethod]
    public void CaptionRougeLAndCider_NlgEvalsExample_EqualItsPage()
    {
        JsonElement published = GoldenMetrics.Published.GetProperty("Maluuba/nlg-eval");
        Segment[] segments = GoldenMetrics.Segments("nlgeval");

        Assert.AreEqual(published.GetProperty("ROUGE_L").GetDouble(), CaptionRougeL.Corpus(segments), 1e-6);
        Assert.AreEqual(published.GetProperty("CIDEr").GetDouble(), Cider.Corpus(segments), 1e-6);
    }

    [TestMethod]
    public void Corpus_WithoutRowsOrWords_IsZero()
    {
        Segment[][] sets = [[], [new Segment("", "some words of a reference")]];
        foreach (Segment[] set in sets)
        {
            Assert.AreEqual(0, MtevalBleu.Corpus(set), 1e-3);
            Assert.AreEqual(0, Nist.Corpus(set));
            Assert.AreEqual(0, CaptionRougeL.Corpus(set));
            Assert.AreEqual(0, Cider.Corpus(set));
        }
    }

    [TestMethod]
    public void Corpus_EmptyReference_IsFinite()
    {
        Segment[] set = [new Segment("some words", ""), new Segment("ein Satz", "ein Satz")];
        double[] figures = [MtevalBleu.Corpus(set), Nist.Corpus(set), CaptionRougeL.Corpus(set), Cider.Corpus(set)];
        Assert.IsTrue(figures.All(double.IsFinite), string.Join(' ', figures));
    }
}
