using System;
using System.IO;
using System.Linq;
using System.Xml.Linq;
using Microsoft.ML.PrefixTuning.Reports;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Reports;

[TestClass]
[TestCategory("Quick")]
public sealed class TrainingReportTests
{
    private static TrainingSummary Summary { get; } = new()
    {
        Losses = [.. Enumerable.Range(0, 600)
            .Select(step => step == 300 ? double.NaN : 2 + Math.Exp(-step / 100.0) + 0.2 * Math.Sin(step * 1.7))],
        LearningRates =
            [.. Enumerable.Range(0, 600).Select(step => 0.02 * Math.Min(1, step / 10.0) * (1 - step / 600.0))],
        ValidationLosses = [.. Enumerable.Range(0, 7)
            .Select(epoch => new ValidationLoss(epoch * 100, 2.1 + Math.Exp(-epoch) + (epoch == 6 ? 0.2 : 0)))],
        StartLoss = 3.1,
        BaseLoss = 3.456,
        BestStep = 500,
        BestLoss = 2.107,
        FailedSteps = 1,
        Epochs = 6,
        End = TrainingEnd.EarlyStopping,
        TrainingRows = 4321,
        ValidationRows = 480,
        TruncatedRows = 2,
        Tokens = 1_234_567,
        Duration = TimeSpan.FromSeconds(754),
        TrainedParameters = 230_400,
        StoredParameters = 230_401,
        Drift = new TextDrift(2.5, 2.75, 9_876),
    };

    [TestMethod]
    public void Of_WholeSummary_ShowsItsFigures()
    {
        string text = Page(Summary).Element("body")!.Value;
        string[] figures = ["ended after 600 steps, since the validation loss no longer fell",
            "Best validation loss2.1073.100 at the start", "3.456", "best: step 500", "of 600; epochs begun: 6",
            "Tokens a second1,63712 min 34 s in all", "+0.250", "9,876", "2.750", "4,321", "480", "1,234,567",
                "230,400", "230,401", "mean of 24 steps"];
        foreach (string figure in figures)
            Assert.Contains(figure, text);
    }

    [TestMethod]
    public void Of_Distillation_SpeaksOfDivergence()
    {
        string text = Page(Summary with { Distillation = new DistillationSummary(640, 16, 2, 50), Drift = null })
            .Element("body")!.Value;
        string[] figures = ["Distilled 640 tokens into 16", "Best validation divergence", "Tokens saved a row624",
            "divergence in nats a token", "temperature of the distillation2", "compared50"];
        foreach (string figure in figures)
            Assert.Contains(figure, text);
        Assert.DoesNotContain("Drift", text);
    }

    [TestMethod]
    public void Of_SummaryWithoutValidation_ShowsTheStart()
    {
        TrainingSummary summary = Summary with
        {
            ValidationLosses = [],
            BestLoss = null,
            Losses = [double.NaN],
            LearningRates = [0.02],
            StartLoss = double.NaN
        };
        string text = Page(summary).Element("body")!.Value;
        Assert.Contains("Loss at the startnot measured3.456 without a prefix", text);
        Assert.DoesNotContain("Best validation", text);
    }

    [TestMethod]
    public void Of_SearchedWords_ShowsThemAndNoLearningRate()
    {
        TrainingSummary summary = Summary with
        {
            TriggerWords = [" pub", "'s", "<b>"],
            LearningRates = [.. Summary.Losses.Select(_ => 0.0)],
            TrainedParameters = 0
        };
        string text = Page(summary).Element("body")!.Value;
        Assert.Contains("trigger words' pub' ''s' '<b>'", text);
        Assert.DoesNotContain("earning rate", text);
        Assert.Contains("earning rate", Page(Summary).Element("body")!.Value);
    }

    [TestMethod]
    public void Of_TextAsItIs_SaysThatNothingWasTrained()
    {
        TrainingSummary summary = Summary with
        {
            Losses = [],
            LearningRates = [],
            ValidationLosses = [new ValidationLoss(0, 3.1)],
            BestStep = 0,
            BestLoss = 3.1,
            FailedSteps = 0,
            Epochs = 0,
            End = TrainingEnd.Completed,
        };
        XElement body = Page(summary).Element("body")!;
        Assert.Contains("Nothing was trained: the prefix is its start as it is.", body.Value);
        Assert.Contains("Loss at the start3.1003.456 without a prefix", body.Value);
        Assert.IsEmpty(body.Descendants("svg").ToArray());
        foreach (string untrue in (string[])["Trained on", "ended after", "Best", "Tokens a second"])
            Assert.DoesNotContain(untrue, body.Value);
    }

    [TestMethod]
    public void WriteReport_ToAFile_WritesThePage()
    {
        using var folder = new TemporaryFolder();
        Summary.WriteReport(folder["report.html"]);
        Assert.AreEqual(HtmlReport.Write(TrainingReport.Of(Summary)), File.ReadAllText(folder["report.html"]));
        Assert.ThrowsExactly<DirectoryNotFoundException>(() =>
            Summary.WriteReport(Path.Combine(folder["none"], "report.html")));
        Assert.ThrowsExactly<ArgumentException>(() => Summary.WriteReport(""));
    }

    private static XElement Page(TrainingSummary summary) =>
        XElement.Parse(HtmlReport.Write(TrainingReport.Of(summary))
        .Replace("<!DOCTYPE html>", "", StringComparison.Ordinal));
}
