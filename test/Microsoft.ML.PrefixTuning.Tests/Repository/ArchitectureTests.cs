using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>Who may know whom (docs/design.md), read from the source itself.</summary>
[TestClass]
public sealed partial class ArchitectureTests
{
    private const string Root = "Microsoft.ML.PrefixTuning";
    private const int MostLines = 400;

    // Room: the rooms it may use, whether it may know TorchSharp, whether it may know ML.NET. Options and metric
    // records in the root are a contract that every room may read; they need no using-line.
    private static readonly Dictionary<string, Room> Rooms = new()
    {
        [""] = new(["ModelFormat", "Text", "Training", "Generation", "Checkpoints", "Evaluation", "Prefixes", "Models",
            "Files", "Reports"], true, true),
        ["Options"] = new([], false, true),
        ["ModelFormat"] = new(["Prefixes", "Checkpoints", "Files"], true, true),
        ["Text"] = new(["Files"], false, false),
        ["Evaluation"] = new(["Files"], false, false),
        ["Reports"] = new(["Files"], false, false),
        ["Files"] = new([], false, false),
        ["Models"] = new(["Models"], true, false),
        ["Prefixes"] = new(["Models"], true, false),
        ["Training"] = new(["Prefixes", "Models"], true, false),
        ["Generation"] = new(["Prefixes", "Models"], true, false),
        ["Checkpoints"] = new(["Prefixes", "Models", "Text", "Files", "Training"], true, false),
    };

    private static readonly string[] MlNetNames =
        ["MLContext", "IDataView", "DataViewSchema", "DataViewRow", "IHost", "IHostEnvironment", "IChannel",
            "ITransformer", "SchemaShape"];

    private static readonly string[] Banned =
    [
        "torch.manual_seed", "manual_seed(", "random.seed", "set_default_dtype", "set_default_device", "Console.",
            "GC.Collect", "DateTime.Now",
        "File.OpenWrite", "Task.Wait", "dynamic ",
    ];

    public static IEnumerable<object[]> Files => Source.LibraryFiles.Select(file => new object[] { file });

    [TestMethod]
    [DynamicData(nameof(Files))]
    public void File_OfTheLibrary_KeepsToItsRoom(string file)
    {
        string text = File.ReadAllText(Path.Combine(Source.Library, file));
        string name = file.Contains('/') ? file[..file.IndexOf('/')] : "";
        Assert.IsTrue(Rooms.TryGetValue(name, out Room? room),
            $"{file}: the folder '{name}' is not a room of the design.");
        var faults = new List<string>();
        foreach (Match match in Using().Matches(text))
        {
            string used = match.Groups[1].Value;
            if (used.StartsWith("TorchSharp", StringComparison.Ordinal))
                Check(room.KnowsTorch, used);
            else if (used.StartsWith(Root + ".", StringComparison.Ordinal))
                Check(IsAllowed(used[(Root.Length + 1)..].Split('.')[0]), used);
            else if (used.StartsWith("Microsoft.ML", StringComparison.Ordinal) && used != Root)
                Check(room.KnowsMlNet, used);
        }
        string code = Comment().Replace(text, "");
        if (!room.KnowsMlNet)
        {
            foreach (string known in MlNetNames)
                Check(!Regex.IsMatch(code, $@"\b{known}\b"), known);
        }
        foreach (string banned in Banned)
            Check(!code.Contains(banned, StringComparison.Ordinal), banned);
        int lines = text.AsSpan().Count('\n');
        if (lines > MostLines)
            faults.Add($"{lines} lines, at most {MostLines} are allowed");
        Assert.IsEmpty(faults, $"{file}: {string.Join("; ", faults)}");

        bool IsAllowed(string other) => other == name || room.Uses.Contains(other);

        void Check(bool allowed, string what)
        {
            if (!allowed)
                faults.Add($"uses {what}");
        }
    }

    [TestMethod]
    public void InternalMembersOfMlNet_AreUsed_InOneFileOnly()
    {
        string[] files = Source.LibraryFiles.Where(file => File.ReadAllText(Path.Combine(Source.Library, file))
            .Contains("IgnoresAccessChecksTo", StringComparison.Ordinal)).ToArray();
        CollectionAssert.AreEqual(new[] { "ModelFormat/MlNetInternals.cs" }, files);
    }

    [GeneratedRegex(@"^\s*(?:global )?using (?:static )?(?:\w+ = )?([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Using();

    [GeneratedRegex(@"//.*$|""(?:[^""\\]|\\.)*""", RegexOptions.Multiline)]
    private static partial Regex Comment();

    private sealed record Room(string[] Uses, bool KnowsTorch, bool KnowsMlNet);
}
