using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>Tests keep to docs/testing.md: the quick ones are quick, and none measures what others move too.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed partial class CategoryTests
{
    private static string Tests => Path.Combine(Source.Root, "test", "Microsoft.ML.PrefixTuning.Tests");

    private static IEnumerable<string> Files =>
        Directory.EnumerateFiles(Tests, "*Tests.cs", SearchOption.AllDirectories);

    [TestMethod]
    public void Quick_Tests_StartNoProcessAndLoadNoSmolLM2()
    {
        string[] slow = [.. Files.Where(file => file != Path.Combine(Tests, "Repository", "CategoryTests.cs"))
            .Where(file => File.ReadAllText(file) is var text && IsQuick(text) && Slow().IsMatch(text))
            .Select(file => Path.GetRelativePath(Tests, file))];
        Assert.AreEqual("", string.Join('\n', slow));
    }

    [TestMethod]
    public void Quick_Tests_AreMostOfTheTests()
    {
        int quick = Files.Count(file => IsQuick(File.ReadAllText(file)));
        Assert.IsGreaterThan(Files.Count() / 2, quick);
    }

    [TestMethod]
    public void Tests_OfTheWholeProcessOrTheClock_AreNone()
    {
        // The first says why, the next three run in a process of their own, the last is this file.
        string[] exempt =
            ["OwnTensors.cs", "FaceChild.cs", "ServingChild.cs", "AttentionChild.cs", "CategoryTests.cs"];
        string[] found = [.. Directory.EnumerateFiles(Tests, "*.cs", SearchOption.AllDirectories)
            .Where(file => !exempt.Contains(Path.GetFileName(file)))
            .SelectMany(file => Shared().Matches(File.ReadAllText(file))
                .Select(match => $"{Path.GetRelativePath(Tests, file)}: {match.Value}"))];
        Assert.AreEqual("", string.Join('\n', found));
    }

    [TestMethod]
    public void Tests_OfWhatTheWholeProcessHas_RunAlone()
    {
        string[] found = [.. Files.Where(file => Path.GetFileName(file) != "CategoryTests.cs")
            .SelectMany(file => File.ReadAllText(file).Split("[TestMethod]").Skip(1)
                .Where(test => Process().IsMatch(test.Split("[TestCleanup]")[0])
                    && !test.Contains("[DoNotParallelize]", StringComparison.Ordinal))
                .Select(test => $"{Path.GetRelativePath(Tests, file)}: {Name().Match(test).Value}"))];
        Assert.AreEqual("", string.Join('\n', found));
    }

    private static bool IsQuick(string text) => text.Contains("TestCategory(\"Quick\")", StringComparison.Ordinal);

    [GeneratedRegex(@"ChildProcess\.|ToolFolder\.Start|Process\.Start|SmolLM2Base|Instruct135M|ReadmeExample")]
    private static partial Regex Slow();

    // Settings of the whole process; two classes run at a time.
    [GeneratedRegex(@"AppContext\.Set(Data|Switch)|CurrentDirectory = |SetEnvironmentVariable|Console\.Set"
        + @"|AppContext\.BaseDirectory, BaseModel\.ApplicationFolder")]
    private static partial Regex Process();

    [GeneratedRegex(@"\w+(?=\()")]
    private static partial Regex Name();

    // Counts and times of all threads, and waits that a busy machine outlasts.
    [GeneratedRegex(@"Tensor\.TotalCount|GetTotalAllocatedBytes|GetTotalMemory|WorkingSet64|TotalProcessorTime"
        + @"|Stopwatch|Task\.Delay|(SpinUntil|WaitForExit|Join|Wait|WaitOne)\([^;]*TimeSpan")]
    private static partial Regex Shared();
}
