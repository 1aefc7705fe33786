using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Xml.Linq;
using Microsoft.ML.PrefixTuning.Studies;
using Microsoft.ML.PrefixTuning.Sweeps;
using Microsoft.ML.PrefixTuning.Tests.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Studies;

/// <summary>Plots of a study: where its words stand.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class StudyPlotTests
{
    [TestMethod]
    public void Draw_OfNumbersInNoOrder_PutsThemByTheirSize()
    {
        var words = Words("x: rate", [("a", "0.03", 1.5), ("b", "0.00004", 1.25), ("c", "7", 1)]);
        Assert.IsLessThan(words["0.03"].X, words["0.00004"].X);
        Assert.IsLessThan(words["7"].X, words["0.03"].X);
    }

    [TestMethod]
    public void Draw_OfWords_KeepsTheOrderOfTheFile()
    {
        var words = Words("x: rate", [("a", "warm", 1.5), ("b", "cold", 1.25), ("c", "7", 1)]);
        Assert.IsLessThan(words["cold"].X, words["warm"].X);
        Assert.IsLessThan(words["7"].X, words["cold"].X);
    }

    [TestMethod]
    public void Draw_WithASeries_PutsItsNamesBesideTheFrame()
    {
        var words = Words("x: rate, series: name", [("some line", "1", 1.5), ("other line", "2", 1.25)]);
        Assert.IsLessThan(words["some line"].X, words["2"].X);
        Assert.IsLessThan(words["other line"].X, words["2"].X);
    }

    [TestMethod]
    public void Draw_WithoutASetting_PutsNamesBelowEachOther()
    {
        var words = Words("",
            [("first name of many words", "1", 1.5), ("second name", "2", 1.25), ("third name", "3", 1)]);
        Assert.IsLessThan(words["second name"].Y, words["first name of many words"].Y);
        Assert.IsLessThan(words["third name"].Y, words["second name"].Y);
    }

    /// <summary>Every word of a plot with the place where it begins, from above left.</summary>
    private static Dictionary<string, (double X, double Y)> Words(string axes,
        IReadOnlyList<(string Name, string Rate, double Loss)> candidates)
    {
        using var folder = new ToolFolder();
        StudyFile file = StudyFile.Read(folder.Write("some.yaml",
            $"study: {{ title: Some, paper: It found., setup: Small.{(axes.Length > 0 ? $", {axes}" : "")} }}",
            "options: { prefix-length: [5, 10] }"), folder.Folder);
        SweepCandidateResult[] results =
        [
            .. candidates.Select(one => new SweepCandidateResult(one.Name,
                new Dictionary<string, string> { ["rate"] = one.Rate, ["name"] = one.Name }, [])
            {
                HeldOutLoss = new SweepFigure(one.Loss, 0.1, 2),
                Code = "",
            }),
        ];
        string? svg = StudyPlot.Draw(file, "held-out loss", results, one => one.HeldOutLoss);
        Assert.IsNotNull(svg);
        return XDocument.Parse(svg).Descendants().Where(part => part.Name.LocalName == "text")
            .GroupBy(part => part.Value.Trim()).ToDictionary(group => group.Key, group => Place(group.First()));
    }

    private static (double X, double Y) Place(XElement word)
    {
        (double x, double y) = (First("x"), First("y"));
        string moved = (string?)word.Attribute("transform") ?? "";
        int open = moved.IndexOf("translate(", StringComparison.Ordinal);
        if (open < 0)
            return (x, y);
        string[] parts = moved[(open + "translate(".Length)..moved.IndexOf(')', open)].Split([' ', ','],
            StringSplitOptions.RemoveEmptyEntries);
        return (x + Number(parts[0]), y + (parts.Length > 1 ? Number(parts[1]) : 0));

        double First(string name) => (string?)word.Attribute(name) is { } list
            ? Number(list.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries)[0])
            : 0;
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
