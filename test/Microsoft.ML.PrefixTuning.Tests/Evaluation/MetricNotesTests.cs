using System.Linq;
using Microsoft.ML.PrefixTuning.Evaluation;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Evaluation;

[TestClass, TestCategory("Metrics"), TestCategory("Quick")]
public sealed class MetricNotesTests
{
    private static readonly Segment Usual = new("The Eagle is a cheap pub.", "The Eagle is a pub near the river.");

    [TestMethod]
    public void Notes_OfUsualTexts_AreNone() => Assert.IsEmpty(Measure([Usual, new Segment("", "Food.")]).Notes);

    [TestMethod]
    public void Notes_OfBleuAbove100_ExplainIt()
    {
        Segment[] segments = [new("a b c d e", "a b c d e"), new("a", "a"), new("b", "b"), new("c d", "c d")];
        TextGenerationMetrics metrics = Measure(segments);
        Assert.IsGreaterThan(100, metrics.E2E.Bleu);
        Assert.StartsWith($"BLEU of E2E and WebNLG papers: {metrics.E2E.Bleu:F2} is above 100 because",
            metrics.Notes.Single());
        Assert.Contains("3 of 4 texts have fewer than 4 words", metrics.Notes.Single());
        Assert.AreEqual(metrics.Notes.Single(), Measure(segments, TextMetrics.WebNlg).Notes.Single());
        Assert.IsEmpty(Measure(segments, TextMetrics.Bleu).Notes);
    }

    [TestMethod]
    [DataRow("Орёл — дешёвый паб", "Орёл — это паб", true, false, false)]
    [DataRow("Ο αετός", "Ο αετός", true, false, false)]
    [DataRow("鹰是便宜的酒吧", "鹰是酒吧", true, false, true)]
    [DataRow("ราคาถูก", "ถูก", true, false, true)]
    [DataRow("Der Adler", "Адлер", true, false, false)]
    [DataRow("Übergrößenträger: ß", "ÄÖÜ", true, false, false)]
    [DataRow("ワシ 7", "7", false, true, true)]
    [DataRow("鹰2023", "鷹2024", false, true, true)]
    [DataRow("Café Müller", "Cafe Mueller", false, true, false)]
    [DataRow("Cafe", "𝒞afe", false, true, false)]
    [DataRow("a £5 pub — cheap", "a €5 pub ☕", false, false, false)]
    [DataRow("...", "!", false, false, false)]
    public void Notes_OfOtherScripts_NameWhatCountsThem(string output, string reference, bool isZero, bool isCut,
        bool isUnspaced)
    {
        string[] notes = [.. Measure([Usual, new Segment(output, reference)]).Notes];
        string rouge = notes.SingleOrDefault(note => note.StartsWith("ROUGE: ", System.StringComparison.Ordinal)) ?? "";
        Assert.AreEqual(isZero, rouge.Contains("counts 0 for 1 of 2 texts", System.StringComparison.Ordinal), rouge);
        Assert.AreEqual(isCut, rouge.Contains("of 1 of 2 texts that have other letters too",
            System.StringComparison.Ordinal), rouge);
        Assert.AreEqual(isUnspaced ? 1 : 0,
            notes.Count(note => note.Contains("1 of 2 texts are in a script without spaces",
                System.StringComparison.Ordinal)));
        Assert.HasCount((isZero || isCut ? 1 : 0) + (isUnspaced ? 1 : 0), notes);
        Assert.IsEmpty(Measure([Usual, new Segment(output, reference)], TextMetrics.ChrF).Notes);
    }

    [TestMethod]
    public void Notes_OfOneText_ExplainItsCider()
    {
        TextGenerationMetrics metrics = Measure([Usual]);
        Assert.AreEqual(0, metrics.Cider);
        Assert.StartsWith("CIDEr: ", metrics.Notes.Single());
    }

    private static TextGenerationMetrics Measure(Segment[] segments, TextMetrics metrics = TextMetrics.All) =>
        Measurement.Of(segments, new TextGenerationEvaluationOptions { Metrics = metrics });
}
