using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>The category of quick tests is what docs/testing.md says it is.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed partial class CategoryTests
{
    private static string Tests => Path.Combine(Source.Root, "test", "Microsoft.ML.PrefixTuning.Tests");

    private static IEnumerable<string> Files => Directory.EnumerateFiles(Tests, "*Tests.cs", SearchOption.AllDirectories);

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

    private static bool IsQuick(string text) => text.Contains("TestCategory(\"Quick\")", StringComparison.Ordinal);

    [GeneratedRegex(@"ChildProcess\.|ToolFolder\.Start|Process\.Start|SmolLM2Base|Instruct135M|ReadmeExample")]
    private static partial Regex Slow();
}
