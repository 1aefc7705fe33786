using System;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.ML.PrefixTuning.Tool.Verbs;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Tool;

/// <summary>What the log of a long run says.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class WritingDisplayTests
{
    [TestMethod]
    public void Add_OfRowsOfAKnownNumber_SaysHowManyAreLeft()
    {
        string[] lines = Lines(total: 2000, TimeSpan.Zero);
        Assert.HasCount(3, lines);
        StringAssert.Matches(lines[0], new(@"^1,001 of 2,000 rows written, [\d,.]+ a second, \d+:\d\d:\d\d left$"));
        StringAssert.Matches(lines[2], new(@"^1,003 of 2,000 rows written, "));
    }

    [TestMethod]
    public void Add_OfRowsOfAnUnknownNumber_CountsThem() =>
        StringAssert.Matches(Lines(total: null, TimeSpan.Zero)[1], new(@"^1,002 rows written, [\d,.]+ a second$"));

    [TestMethod]
    public void Add_BeforeTheTimeHasCome_SaysNothing() => Assert.IsEmpty(Lines(total: 10, TimeSpan.FromDays(1)));

    private static string[] Lines(long? total, TimeSpan interval)
    {
        var error = new StringWriter { NewLine = "\n" };
        var display = new WritingDisplay(new ToolConsole(TextReader.Null, TextWriter.Null, error))
        {
            Total = total,
            Interval = interval,
        };
        display.Run(() =>
        {
            for (int row = 1001; row <= 1003; row++)
                display.Add(row);
        });
        return [.. error.ToString().Split('\n').SkipLast(1)];
    }
}
