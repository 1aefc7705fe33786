using System;
using System.Globalization;
using System.Linq;
using System.Xml.Linq;
using Microsoft.ML.PrefixTuning.Reports;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Reports;

[TestClass]
public class HtmlReportTests
{
    [TestMethod]
    public void Write_WholeReport_IsOneWellFormedPageWithoutOutsideFiles()
    {
        string html = HtmlReport.Write(Content());

        XElement page = Parse(html);
        Assert.HasCount(2, page.Descendants("svg").ToArray());
        Assert.IsEmpty(page.Descendants()
            .Where(element => element.Name.LocalName is "script" or "link" or "img" or "iframe").ToArray());
        Assert.DoesNotContain("http", html);
        Assert.DoesNotContain("url(", html);
        Assert.DoesNotContain("@import", html);
    }

    [TestMethod]
    public void Write_WholeReport_ShowsEveryText()
    {
        XElement body = Parse(HtmlReport.Write(Content())).Element("body")!;
        string[] texts = ["Training of the <eagle> & co", "SmolLM2, 20 vectors", "Best validation loss", "1.234",
            "step", "loss in nats a token",
            "training", "validation", "best: step 300", "Figures", "steps", "1,000"];
        foreach (string text in texts)
            Assert.Contains(text, body.Value);
    }

    [TestMethod]
    public void Write_HostileText_IsShownAsText()
    {
        const string Hostile = "<script>alert('x')</script>\u0000 \"&amp;";
        var plot = new LinePlot(Hostile, Hostile, Hostile,
            [new(Hostile, [new(0, 1), new(1, 2)])])
        { Marks = [new(0.5, Hostile)] };
        var content = new ReportContent(Hostile)
        {
            Subtitle = Hostile,
            KeyFigures = [new(Hostile, Hostile, Hostile)],
            Plots = [plot],
            Tables = [new(Hostile, [Hostile], [[Hostile]])],
        };

        XElement page = Parse(HtmlReport.Write(content));

        Assert.IsEmpty(page.Descendants("script").ToArray());
        Assert.AreEqual(Hostile.Replace('\0', '\ufffd'), page.Descendants("h1").Single().Value);
    }

    [TestMethod]
    public void Write_OtherCulture_WritesTheSame()
    {
        string expected = HtmlReport.Write(Content());
        CultureInfo former = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo("de-DE");
            Assert.AreEqual(expected, HtmlReport.Write(Content()));
        }
        finally
        {
            CultureInfo.CurrentCulture = former;
        }
    }

    private static ReportContent Content()
    {
        PlotPoint[] loss =
            [.. Enumerable.Range(1, 500).Select(step => new PlotPoint(step, 3 * Math.Exp(-step / 100.0) + 1.2))];
        PlotPoint[] rate = [.. Enumerable.Range(1, 500).Select(step => new PlotPoint(step, 5e-4 * step))];
        return new ReportContent("Training of the <eagle> & co")
        {
            Subtitle = "SmolLM2, 20 vectors",
            KeyFigures = [new("Best validation loss", "1.234", "at step 300")],
            Plots =
            [
                new("Loss", "step", "loss in nats a token",
                    [new("training", loss, PlotStyle.Faint),
                        new("validation", [new(100, 2.5), new(300, 1.4), new(500, 1.6)], PlotStyle.Dotted)])
                {
                    Marks = [new(300, "best: step 300")],
                },
                new("Learning rate", "step", "rate", [new("rate", rate)]) { FromZero = true },
            ],
            Tables = [new("Figures", ["", "value"], [["steps", "1,000"]])],
        };
    }

    private static XElement Parse(string html) => XDocument.Parse(html[html.IndexOf('\n')..].Trim()).Root!;
}
