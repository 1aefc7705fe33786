using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.ML.PrefixTuning.Options;
using Microsoft.ML.PrefixTuning.Tests.Tool;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>docs/tour.md is gone through: each command gives the output that stands there.</summary>
[TestClass]
public sealed partial class TourTests
{
    // What another processor's rounding may make of a figure, or of a percentage.
    private const double Share = 0.2, Least = 0.1;

    // What is said where a processor has instructions for bfloat16 is not said everywhere.
    private static readonly string? s_advice =
        UsedPrecision.Of(ModelPrecision.Float32).Advice(_ => "--precision bfloat16", BFloat16Products.Fast);

    private static readonly string Document = Path.Combine(Source.Root, "docs", "tour.md");

    [TestMethod]
    [DoNotParallelize]
    public void Commands_OfTheTour_GiveWhatStandsThere()
    {
        using var folder = new TemporaryFolder();
        folder.CopyFrom(Path.Combine(Source.Root, "docs", "tour"));
        string before = Environment.CurrentDirectory, text = Documents.Read(Document), found;
        Environment.CurrentDirectory = folder.Path;
        try
        {
            found = Console().Replace(text, block => $"```console\n{RunAll(block.Groups[1].Value)}```");
            AssertReport(text);
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
        if (Environment.GetEnvironmentVariable("PREFIX_TUNING_WRITE_DOCS") == "1")
        {
            File.WriteAllText(Document, found);
            return;
        }
        string[] expected = text.Split('\n'), lines = found.Split('\n');
        Assert.HasCount(expected.Length, lines, found);
        for (int i = 0; i < lines.Length; i++)
            Assert.IsTrue(AreAlike(expected[i], lines[i]), $"line {i + 1}:\n{expected[i]}\n{lines[i]}");
    }

    [TestMethod]
    [DataRow("loss 1.459, 25 tokens/s", "loss 1.460, 31 tokens/s", true)]
    [DataRow("loss 1.459", "loss 1.1", false)]
    [DataRow("step 1/8", "step 2/8", false)]
    [DataRow("Saved to a.zip.", "Saved to b.zip.", false)]
    [DataRow("6 rows written to a.csv in 24.0 s.", "6 rows written to a.csv in 2.1 s.", true)]
    public void Lines_ThatDifferInRoundingAndTimesAlone_AreAlike(string expected, string found, bool areAlike) =>
        Assert.AreEqual(areAlike, AreAlike(expected, found));

    private static string RunAll(string block)
    {
        var text = new StringBuilder();
        foreach (string command in block.Split('\n').Where(line => line.StartsWith("$ ", StringComparison.Ordinal)))
            text.Append($"{command}\n{Run(Documents.Shell(command[2..]).Single())}");
        return text.ToString();
    }

    private static string Run(string[] words)
    {
        if (words is ["cat", var file])
            return File.ReadAllText(file);
        Assert.AreEqual(ToolCommand.Name, words[0]);
        ToolRun run = ToolFolder.Run(words[1..]);
        Assert.AreEqual(ExitCode.Done, run.Code, run.Error);
        // Where a base lies is the machine's affair; tables have blanks at their ends.
        return string.Concat($"{run.Error}{run.Out}".TrimEnd('\n').Split('\n')
            .Select(line => Place().Replace(line, "…/base-models").TrimEnd())
            .Where(line => line.Length > 0 && line != s_advice)
            .Select(line => line + "\n"));
    }

    // The report has the sections that the tour names.
    private static void AssertReport(string text)
    {
        string page = WebUtility.HtmlDecode(File.ReadAllText("shop.html"));
        string[] sections = [.. Section().Matches(text[text.IndexOf("`shop.html`", StringComparison.Ordinal)..])
            .Select(match => match.Groups[1].Value).Take(5)];
        Assert.HasCount(5, sections);
        foreach (string section in sections)
            Assert.Contains($"<h2>{section}</h2>", page);
    }

    private static bool AreAlike(string expected, string found)
    {
        (expected, found) = (Time().Replace(expected, "-"), Time().Replace(found, "-"));
        // The last field of a written row is the model's.
        if (expected.StartsWith("name: ", StringComparison.Ordinal))
            return expected[..expected.LastIndexOf(',')] == found[..found.LastIndexOf(',')];
        string[] left = Figure().Split(expected), right = Figure().Split(found);
        return left.Length == right.Length && left.Zip(right).All(pair => pair.First == pair.Second
            || (Figure().IsMatch(pair.First) && Figure().IsMatch(pair.Second)
                && Math.Abs(Number(pair.First) - Number(pair.Second))
                    <= Math.Max(Least, Share * Math.Abs(Number(pair.First)))));
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex("```console\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Console();

    // Whole numbers are counts, and the same everywhere.
    [GeneratedRegex(@"(\d+\.\d+)")]
    private static partial Regex Figure();

    [GeneratedRegex(@"\d+:\d\d:\d\d|\d+ tokens/s|in [\d.]+ s\b")]
    private static partial Regex Time();

    [GeneratedRegex(@"\S*base-models")]
    private static partial Regex Place();

    [GeneratedRegex("\"([^\"]+)\"")]
    private static partial Regex Section();
}
