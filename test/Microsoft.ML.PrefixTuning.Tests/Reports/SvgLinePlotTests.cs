using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Xml.Linq;
using Microsoft.ML.PrefixTuning.Reports;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Reports;

[TestClass]
[TestCategory("Quick")]
public class SvgLinePlotTests
{
    [TestMethod]
    public void Write_Line_SpansThePlotFromLowerLeftToUpperRight()
    {
        (double X, double Y)[] points = Points(Path(Draw([new(0, 0), new(10, 100)])));
        Assert.AreEqual((68.0, 270.0), points[0]);
        Assert.AreEqual((702.0, 34.0), points[1]);
    }

    [TestMethod]
    public void Write_ValueThatIsNotFinite_LeavesAGap()
    {
        string path =
            Path(Draw([new(0, 1), new(1, 2), new(2, double.NaN), new(3, double.PositiveInfinity), new(4, 3),
            new(5, 4)]));
        Assert.AreEqual(2, path.Count(letter => letter == 'M'));
        Assert.HasCount(4, Points(path));
    }

    [TestMethod]
    public void Write_NoFiniteValue_SaysSo() =>
        Assert.Contains("No values.",
            SvgLinePlot.Write(new LinePlot("t", "x", "y", [new("a", [new(0, double.NaN)]), new("b", [])])));

    [TestMethod]
    public void Write_OnePoint_IsADot()
    {
        XElement svg = Draw([new(3, 7)]);
        Assert.HasCount(1, svg.Elements("circle").ToArray());
    }

    [TestMethod]
    public void Write_ManyPoints_IsShortAndKeepsExtremes()
    {
        PlotPoint[] points = [.. Enumerable.Range(0, 200_000)
            .Select(i => new PlotPoint(i, i == 77_777 ? 10 : i == 99_999 ? -10 : Math.Sin(i)))];

        XElement svg = Draw(points);

        Assert.IsLessThan(40_000, svg.ToString().Length);
        (double X, double Y)[] drawn = Points(Path(svg));
        Assert.AreEqual(34, drawn.Min(point => point.Y));
        Assert.AreEqual(270, drawn.Max(point => point.Y));
    }

    [TestMethod]
    [DataRow(0.0, 10.0, "0 2 4 6 8 10")]
    [DataRow(1.21, 4.18, "1.0 1.5 2.0 2.5 3.0 3.5 4.0 4.5")]
    [DataRow(0.0, 5e-4, "0 1e-4 2e-4 3e-4 4e-4 5e-4")]
    [DataRow(0.0, 25_000.0, "0 5,000 10,000 15,000 20,000 25,000")]
    [DataRow(-3.0, 3.0, "-3 -2 -1 0 1 2 3")]
    [DataRow(0.0, 0.0, "0 0.2 0.4 0.6 0.8 1.0")]
    [DataRow(5.0, 5.0, "4.4 4.6 4.8 5.0 5.2 5.4 5.6")]
    public void PlotAxis_Range_HasRoundMarks(double low, double high, string labels)
    {
        PlotAxis axis = PlotAxis.Around(low, high, marks: 5, widen: true);
        Assert.AreEqual(labels, string.Join(' ', axis.Marks.Select(axis.Label)));
        Assert.IsLessThanOrEqualTo(low, axis.Low);
        Assert.IsGreaterThanOrEqualTo(high, axis.High);
    }

    private static XElement Draw(IReadOnlyList<PlotPoint> points) =>
        XElement.Parse(SvgLinePlot.Write(new LinePlot("title", "x", "y", [new("line", points)])));

    private static string Path(XElement svg) => svg.Elements("path").Single().Attribute("d")!.Value;

    private static (double X, double Y)[] Points(string path) =>
        [.. path.Split('M', 'L').Skip(1).Select(pair => pair.Split(' ')).Select(pair =>
        (double.Parse(pair[0], CultureInfo.InvariantCulture), double.Parse(pair[1], CultureInfo.InvariantCulture)))];
}
