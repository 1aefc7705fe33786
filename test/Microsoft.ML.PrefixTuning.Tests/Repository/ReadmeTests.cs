using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>What README.md shows compiles, runs, and is what continuous integration runs.</summary>
[TestClass]
public sealed class ReadmeTests
{
    private static readonly string Readme = File.ReadAllText(Path.Combine(Source.Root, "README.md"))
        .ReplaceLineEndings("\n");

    [TestMethod]
    public void Code_OfReadme_IsTheCompiledExample()
    {
        string example = File.ReadAllText(Path.Combine(Source.Root, "test", "Microsoft.ML.PrefixTuning.Tests",
            "Repository", "ReadmeExample.cs")).ReplaceLineEndings("\n");
        string compiled =
            Regex.Match(example, "// sample:begin\n(.*?)\n *// sample:end", RegexOptions.Singleline).Groups[1].Value;
        string shown = Regex.Match(Readme, "<!-- sample:begin -->\n```csharp\n(.*?)\n```\n<!-- sample:end -->",
            RegexOptions.Singleline).Groups[1].Value;
        string outdented =
            string.Join('\n', compiled.Split('\n').Select(line => line.Length > 8 ? line[8..] : line.Trim()));
        Assert.AreEqual(outdented, shown);
    }

    [TestMethod]
    [DoNotParallelize]
    public void Code_OfReadme_Runs()
    {
        using var folder = new TemporaryFolder();
        string before = Environment.CurrentDirectory;
        File.WriteAllLines(folder["venues.tsv"], Enumerable.Range(0, 12)
            .Select(i => $"name : Venue {i} | food : French\tVenue {i} serves French food .")
                .Prepend("Facts\tReference"));
        try
        {
            Environment.CurrentDirectory = folder.Path;
            ReadmeExample.Run();
            double told = 1000 * Figure(@"about ([\d,]+) KB for the default prefix of SmolLM2");
            Assert.AreEqual(told, new FileInfo("describe.zip").Length, 0.1 * told);
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
    }

    /// <summary>A number that README tells.</summary>
    /// <param name="pattern">The words around it; its first group is the number.</param>
    private static double Figure(string pattern)
    {
        Match found = Regex.Match(Readme, pattern);
        Assert.IsTrue(found.Success, $"README does not tell '{pattern}'.");
        return double.Parse(found.Groups[1].Value, NumberStyles.AllowThousands, CultureInfo.InvariantCulture);
    }

    [TestMethod]
    public void Commands_OfReadme_AreWhatContinuousIntegrationRuns()
    {
        string[] commands = Regex.Match(Readme, "## Two commands.*?```\n(.*?)\n```",
            RegexOptions.Singleline).Groups[1].Value.Split('\n');
        CollectionAssert.AreEqual(new[] { "dotnet run --project samples/TableToText -c Release",
            "dotnet test -c Release" }, commands);
        string script = File.ReadAllText(Path.Combine(Source.Root, ".ci", "run"));
        StringAssert.Contains(script, $"\n    {commands[1]} ");
        StringAssert.Contains(script, "dotnet run --project samples/TableToText -c Release");
    }
}
