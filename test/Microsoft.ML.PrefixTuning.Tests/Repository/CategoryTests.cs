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
    // Files with words of the whole process or the clock, and why they may have them.
    private static readonly Dictionary<string, string> Exempt = new()
    {
        ["OwnTensors.cs"] = "says why nobody counts all tensors",
        ["FaceChild.cs"] = "runs in a process of its own",
        ["ServingChild.cs"] = "runs in a process of its own",
        ["AttentionChild.cs"] = "runs in a process of its own",
        ["Meeting.cs"] = "would wait for ever where it fails",
        ["AtomicFileTests.cs"] = "waits to kill at a moment that may be any",
        ["CategoryTests.cs"] = "looks for the words",
    };

    private static string Tests => Path.Combine(Source.Root, "test", "Microsoft.ML.PrefixTuning.Tests");

    private static IEnumerable<string> Files =>
        Directory.EnumerateFiles(Tests, "*Tests.cs", SearchOption.AllDirectories);

    // Those of all test projects.
    private static IEnumerable<string> AllFiles => Source.CodeFiles.Where(file =>
        Path.GetRelativePath(Source.Root, file).Split(Path.DirectorySeparatorChar) is ["test", var project, ..]
        && project.EndsWith(".Tests", StringComparison.Ordinal));

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
        string[] files = [.. AllFiles];
        string[] found = [.. files.Where(file => !Exempt.ContainsKey(Path.GetFileName(file)))
            .SelectMany(file => Shared().Matches(File.ReadAllText(file))
                .Select(match => $"{Path.GetRelativePath(Source.Root, file)}: {match.Value}"))];
        Assert.AreEqual("", string.Join('\n', found));
        foreach ((string name, string reason) in Exempt)
        {
            Assert.IsTrue(files.Any(file => Path.GetFileName(file) == name && Shared().IsMatch(File.ReadAllText(file))),
                $"{name} needs no exemption any more ({reason})");
        }
    }

    [TestMethod]
    public void Tests_OfWhatTheWholeProcessHas_RunAlone()
    {
        string[] found = [.. AllFiles.Where(file => file.EndsWith("Tests.cs", StringComparison.Ordinal)
                && Path.GetFileName(file) != "CategoryTests.cs")
            .SelectMany(file => File.ReadAllText(file).Split("[TestMethod]").Skip(1)
                .Where(test => Process().IsMatch(test.Split("[TestCleanup]")[0])
                    && !test.Contains("[DoNotParallelize]", StringComparison.Ordinal))
                .Select(test => $"{Path.GetRelativePath(Source.Root, file)}: {Name().Match(test).Value}"))];
        Assert.AreEqual("", string.Join('\n', found));
    }

    private static bool IsQuick(string text) => text.Contains("TestCategory(\"Quick\")", StringComparison.Ordinal);

    [GeneratedRegex(@"ChildProcess\.|ToolFolder\.Start|Process\.Start|SmolLM2Base|Instruct135M|ReadmeExample")]
    private static partial Regex Slow();

    // Settings of the whole process, and what its collector finds, which others may hold; two classes run at a time.
    [GeneratedRegex(@"GC\.Collect|AppContext\.Set(Data|Switch)|CurrentDirectory = |SetEnvironmentVariable|Console\.Set"
        + @"|AppContext\.BaseDirectory, BaseModel\.ApplicationFolder")]
    private static partial Regex Process();

    [GeneratedRegex(@"\w+(?=\()")]
    private static partial Regex Name();

    // Counts and times of all threads, folders of all processes, and waits that a busy machine outlasts.
    [GeneratedRegex(@"Tensor\.TotalCount|GetTotalAllocatedBytes|GetTotalMemory|WorkingSet64|TotalProcessorTime"
        + @"|GetTempPath|GetTempFileName|Stopwatch|Task\.Delay|Thread\.Sleep|CancelAfter"
        + @"|new CancellationTokenSource\([^)]|(SpinUntil|WaitForExit|Join|Wait|WaitOne)\([^;]*TimeSpan")]
    private static partial Regex Shared();
}
