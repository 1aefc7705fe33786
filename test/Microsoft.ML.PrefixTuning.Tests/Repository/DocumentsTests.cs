using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.ML.PrefixTuning.Tests.Tool;
using Microsoft.ML.PrefixTuning.Tool;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>What README and docs show is there: files, headings, commands, options, members, code.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed partial class DocumentsTests
{
    // Options of other programs, in lines that name them.
    private static readonly HashSet<string> OfOthers =
    [
        // System.CommandLine's and dotnet's.
        "--help", "--version", "--add-source", "--prerelease", "--self-contained",
        // Samples, tools/Studies, mpirun and srun.
        "--short", "--pages", "--smoke", "--automatic", "--mpi", "--kill-on-bad-exit", "--bind-to", "--map-by",
    ];

    private static readonly Dictionary<string, Type> Exported = new[]
        {
            typeof(PrefixTuningOptions).Assembly, typeof(SmolLM2).Assembly,
            typeof(TextGeneratorChatExtensions).Assembly, typeof(PrefixTuningServiceExtensions).Assembly,
            typeof(LlamaCppGenerator).Assembly, typeof(MpiWorkers).Assembly,
        }
        .SelectMany(assembly => assembly.GetExportedTypes()).DistinctBy(type => type.Name)
        .ToDictionary(type => type.Name);

    public static IEnumerable<object[]> Paths => Documents.All.Select(path => new object[] { Documents.Name(path) });

    [TestMethod]
    [DynamicData(nameof(Paths))]
    public void Links_OfADocument_LeadToFilesAndHeadings(string name)
    {
        string path = Path.Combine(Source.Root, name);
        var faults = new List<string>();
        foreach (string link in Documents.LocalLinks(Documents.Read(path)))
        {
            string[] parts = link.Split('#', 2);
            string target = parts[0].Length == 0 ? path
                : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, parts[0]));
            if (!File.Exists(target) && !Directory.Exists(target))
                faults.Add($"{link}: there is no such file");
            else if (parts.Length > 1 && !Documents.Anchors(Documents.Read(target)).Contains(parts[1]))
                faults.Add($"{link}: there is no such heading");
        }
        Assert.AreEqual("", string.Join('\n', faults));
    }

    [TestMethod]
    public void Documents_OfTheFolder_AreAllOnTheMap()
    {
        string docs = Path.Combine(Source.Root, "docs");
        string[] linked = [.. Documents.LocalLinks(Documents.Read(Path.Combine(docs, "README.md")))
            .Select(link => Path.GetFullPath(Path.Combine(docs, link.Split('#')[0])))];
        string[] missing = [.. Directory.EnumerateFiles(docs, "*.md").Except(linked).Select(Documents.Name)
            .Where(name => name != "docs/README.md")];
        Assert.AreEqual("", string.Join(", ", missing));
    }

    [TestMethod]
    [DynamicData(nameof(Paths))]
    public void Commands_OfADocument_AreUnderstood(string name)
    {
        string text = Documents.Read(Path.Combine(Source.Root, name));
        string[] faults = [.. Documents.Commands(text, ToolCommand.Name)
            .SelectMany(command => ToolCommand.Parse(command.Words, ToolFolder.Silent).Errors
                .Select(error => $"{command.Line}: {error.Message}"))];
        Assert.AreEqual("", string.Join('\n', faults));
        string[] places = [.. Documents.Commands(text, "dotnet").Select(command => command.Words)
            .Concat(Documents.InlineCode(text).SelectMany(Documents.Shell).Where(words => words is ["dotnet", ..])
                .Select(words => words[1..]))
            .SelectMany(words => words.Zip(words.Skip(1)))
            .Where(pair => pair.First is "--project" or "pack" or "build" or "test" && pair.Second[0] != '-')
            .Select(pair => pair.Second).Where(place => !Directory.Exists(Path.Combine(Source.Root, place)))];
        Assert.AreEqual("", string.Join(", ", places), "projects that are not there");
    }

    [TestMethod]
    [DynamicData(nameof(Paths))]
    public void Options_OfADocument_AreThoseOfAVerb(string name)
    {
        System.CommandLine.Command root = ToolCommand.Parse([], ToolFolder.Silent).RootCommandResult.Command;
        HashSet<string> known = [.. root.Subcommands.Append(root).SelectMany(verb => verb.Options)
            .Select(option => option.Name), .. OfOthers];
        string text = Documents.Read(Path.Combine(Source.Root, name));
        string[] unknown = [.. Documents.InlineCode(text)
            .Where(code => !code.StartsWith("dotnet ", StringComparison.Ordinal)
                && !code.Contains("dotnet test", StringComparison.Ordinal))
            .SelectMany(code => OptionWord().Matches(code).Select(match => match.Value))
            .Where(option => !known.Contains(option) && !known.Any(one => option.EndsWith('-')
                && one.StartsWith(option, StringComparison.Ordinal))).Distinct()];
        Assert.AreEqual("", string.Join(", ", unknown));
    }

    [TestMethod]
    [DynamicData(nameof(Paths))]
    public void Members_OfADocument_AreThoseOfTheCode(string name)
    {
        string text = Documents.Read(Path.Combine(Source.Root, name));
        string[] unknown = [.. Documents.InlineCode(text)
            .SelectMany(code => Member().Matches(code))
            .Where(match => Exported.TryGetValue(match.Groups[1].Value, out Type? type)
                && !Has(type, match.Groups[2].Value))
            .Select(match => match.Value).Distinct()];
        Assert.AreEqual("", string.Join(", ", unknown));
    }

    [TestMethod]
    [DynamicData(nameof(Paths))]
    public void Code_OfADocument_IsCompiled(string name)
    {
        string folder = Path.Combine(Source.Root, "test", "Microsoft.ML.PrefixTuning.Tests", "Repository");
        string compiled = string.Concat(Directory.EnumerateFiles(folder, "*.cs")
            .Select(file => Documents.Strip(Documents.Read(file))));
        foreach ((string language, string code) in Documents.Blocks(Documents.Read(Path.Combine(Source.Root, name))))
        {
            if (language == "csharp")
                Assert.Contains(Documents.Strip(code), compiled, $"{name}, for DocumentSnippets.cs:\n{code}");
        }
    }

    [TestMethod]
    public void Words_OfTheGlossary_AreInOrderAndUsed()
    {
        string text = Documents.Read(Path.Combine(Source.Root, "docs", "glossary.md"));
        string[] words = [.. Term().Matches(text).Select(match => match.Groups[1].Value)];
        Assert.IsGreaterThan(30, words.Length);
        CollectionAssert.AreEqual(words.Order(StringComparer.Ordinal).ToArray(), words);
        string all = string.Concat(Documents.All.Where(path => !path.EndsWith("glossary.md", StringComparison.Ordinal))
            .Select(Documents.Read)).ToLowerInvariant();
        Assert.AreEqual("", string.Join(", ", words.Where(word => !all.Contains(word, StringComparison.Ordinal))));
    }

    private static bool Has(Type type, string member) => type.GetMember(member,
        BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.FlattenHierarchy).Length > 0;

    [GeneratedRegex("(?<![\\w-])--[a-z][a-z0-9-]*")]
    private static partial Regex OptionWord();

    [GeneratedRegex(@"(?<![\w.])([A-Z]\w+)\.([A-Z]\w+)")]
    private static partial Regex Member();

    [GeneratedRegex(@"^\| \*\*([^*]+)\*\* \|", RegexOptions.Multiline)]
    private static partial Regex Term();
}
