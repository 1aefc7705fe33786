using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>What docs/reliability.md promises is guarded by tests that are there.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed partial class ReliabilityTests
{
    private static readonly ILookup<string, Type> Classes = typeof(ReliabilityTests).Assembly.GetTypes()
        .Where(type => type.GetCustomAttribute<TestClassAttribute>() is not null).ToLookup(type => type.Name);

    private static string[] Lines => File.ReadAllLines(Path.Combine(Source.Root, "docs", "reliability.md"));

    [TestMethod]
    public void Tests_OfEveryPromise_AreThere()
    {
        string[] named = [.. Lines.SelectMany(line => Name().Matches(line)).Select(match => match.Groups[1].Value)];
        Assert.IsGreaterThan(20, named.Length);
        Assert.AreEqual("", string.Join(", ", named.Where(name => !IsThere(name))));
    }

    [TestMethod]
    public void Promises_OfEveryTable_NameATest()
    {
        string[] rows = [.. Lines.Where(line => line.StartsWith("| ", StringComparison.Ordinal))];
        string[] bare = [.. rows.Where(row => !row.Contains("| guarded by |", StringComparison.Ordinal))
            .Where(row => !Name().IsMatch(row))];
        Assert.AreEqual("", string.Join('\n', bare));
    }

    private static bool IsThere(string name)
    {
        string[] parts = name.Split('.');
        return Classes[parts[0]].Any(type =>
            parts.Length == 1 || type.GetMethod(parts[1])?.GetCustomAttribute<TestMethodAttribute>() is not null);
    }

    [GeneratedRegex(@"`(\w+Tests(?:\.\w+)?)`")]
    private static partial Regex Name();
}
