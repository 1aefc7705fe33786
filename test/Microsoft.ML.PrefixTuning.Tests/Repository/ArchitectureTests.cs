using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Microsoft.ML.PrefixTuning.Models.Families;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Repository;

/// <summary>Who may know whom (docs/design.md), read from the source itself.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed partial class ArchitectureTests
{
    private const int MostLines = 400, MostFilesInRoot = 20, MostColumns = 120, MostLinesOfAFamily = 80;

    // Room: the rooms whose types it may use, whether it may know TorchSharp, whether it may know ML.NET. Read from the
    // face down; every room may use those named here and no other, so no circle can close.
    private static readonly Dictionary<string, Room> Rooms = new()
    {
        ["Sweeps"] = new(["", "Evaluation", "Reports", "Training", "Bases", "Models", "Prefixes", "Options", "Files",
            "MlNet"], false, true),
        [""] = new(["Fitting", "Serving", "Transforming", "ModelFormat", "Evaluation", "Reports", "Training", "Bases",
            "Checkpoints", "Prefixes", "Models", "Options", "Rows", "Files", "MlNet"], true, true),
        ["Fitting"] = new(["Rows", "Training", "Generation", "Bases", "Checkpoints", "Parametrizations", "Prefixes",
            "Models", "Text", "Options", "Files", "MlNet", "Signals"], true, true),
        ["Serving"] = new(["Transforming", "Rows", "Generation", "Bases", "Prefixes", "Models", "Text", "Options",
            "Files", "Signals"], true, false),
        ["Transforming"] = new(["Rows", "Generation", "Bases", "Prefixes", "Models", "Text", "Options", "Files",
            "MlNet", "Signals"], true, true),
        ["ModelFormat"] = new(["Bases", "Checkpoints", "Training", "Prefixes", "Models", "Text", "Options", "Files",
            "MlNet"], true, true),
        ["Rows"] = new(["Prefixes", "Models", "Text", "Options", "Files"], false, false),
        ["Training"] = new(["Parametrizations", "Prefixes", "Models", "Options", "Files"], true, false),
        ["Generation"] = new(["Prefixes", "Models", "Text", "Options", "Files"], true, false),
        ["Parametrizations"] = new(["Prefixes", "Models", "Options"], true, false),
        ["Bases"] = new(["Checkpoints", "Prefixes", "Models", "Text", "Options", "Files", "MlNet", "Signals"], true,
            true),
        ["Checkpoints"] = new(["Parametrizations", "Prefixes", "Models", "Files"], true, false),
        ["Text"] = new(["Checkpoints", "Files"], false, false),
        ["Options"] = new(["Prefixes", "Models"], false, true),
        ["Prefixes"] = new(["Models"], true, false),
        ["Models"] = new(["Files"], true, false),
        ["Evaluation"] = new(["Options", "Files", "MlNet"], false, true),
        ["Reports"] = new(["Training", "Options", "Files"], false, false),
        ["MlNet"] = new([], false, true),
        ["Signals"] = new(["Options"], false, false),
        ["Files"] = new([], false, false),
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

    // Files outside the room Files that write without its atomic writer, and why they may.
    private static readonly Dictionary<string, string> OwnWriters = new()
    {
        ["Microsoft.ML.PrefixTuning/Bases/EmbeddedBase.cs"] = "new files of a private temporary folder",
        ["Microsoft.ML.PrefixTuning/buildTransitive/MarkVersionNeedWeak.cs"] = "a build task, which lacks the library",
        ["Microsoft.ML.PrefixTuning.Tool/Shards/RunManifest.cs"] = "written whole beside; the first task's remains",
        ["Microsoft.ML.PrefixTuning.Tool/Tables/PartialFile.cs"] = "rows that are kept one by one, under a lock",
        ["Microsoft.ML.PrefixTuning.Tool/Verbs/GenerateVerb.cs"] = "devices and pipes",
    };

    public static IEnumerable<object[]> Files => Source.LibraryFiles.Select(file => new object[] { file });

    [TestMethod]
    public void Rooms_UseOnlyRoomsBelowThem()
    {
        string[] faults = [.. RoomGraph.Uses.Where(use => !Rooms[use.From].Uses.Contains(use.To))
            .Select(use => $"{Shown(use.From)} -> {Shown(use.To)}: {use.Example}").Order(StringComparer.Ordinal)];
        Assert.IsEmpty(faults, string.Join(Environment.NewLine, faults));

        static string Shown(string room) => room.Length == 0 ? "the root" : room;
    }

    [TestMethod]
    public void Rooms_FormNoCircle()
    {
        var open = Rooms.ToDictionary(room => room.Key, room => room.Value.Uses.ToHashSet());
        while (open.FirstOrDefault(room => room.Value.Count == 0) is { Key: { } lowest })
        {
            open.Remove(lowest);
            foreach (HashSet<string> uses in open.Values)
                uses.Remove(lowest);
        }
        Assert.IsEmpty(open, $"A circle among: {string.Join(", ", open.Keys)}");
    }

    [TestMethod]
    public void Rooms_OfTheTable_AreTheFolders() => CollectionAssert.AreEquivalent(
        Source.LibraryFiles.Select(RoomGraph.RoomOf).Distinct().ToArray(), Rooms.Keys);

    [TestMethod]
    public void Root_HoldsTheFaceOnly() => Assert.IsLessThanOrEqualTo(MostFilesInRoot,
        Source.LibraryFiles.Count(file => RoomGraph.RoomOf(file).Length == 0));

    [TestMethod]
    public void Lines_OfEveryFile_FitTheColumns()
    {
        IEnumerable<string> faults = Source.CodeFiles.SelectMany(file => LongLines(file)
            .Select(line => $"{Path.GetRelativePath(Source.Root, file)}, line {line}"));
        Assert.AreEqual("", string.Join(Environment.NewLine, faults));
    }

    [TestMethod]
    [DynamicData(nameof(Files))]
    public void File_OfTheLibrary_KeepsToItsRoom(string file)
    {
        string text = File.ReadAllText(Path.Combine(Source.Library, file));
        Room room = Rooms[RoomGraph.RoomOf(file)];
        var faults = new List<string>();
        foreach (Match match in Using().Matches(text))
        {
            string used = match.Groups[1].Value;
            if (used.StartsWith("TorchSharp", StringComparison.Ordinal))
                Check(room.KnowsTorch, used);
            else if (used.StartsWith("Microsoft.ML", StringComparison.Ordinal)
                && !used.StartsWith("Microsoft.ML.PrefixTuning", StringComparison.Ordinal)
                && used != "Microsoft.ML.Tokenizers")
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

        void Check(bool allowed, string what)
        {
            if (!allowed)
                faults.Add($"uses {what}");
        }
    }

    /// <summary>A family is data in one small file; what several share is named here.</summary>
    [TestMethod]
    public void Files_OfFamilies_AreSmall()
    {
        const string Folder = "Models/Families/";
        string[] helpers =
            ["ConfigParts.cs", "Family.cs", "LlamaDefaults.cs", "LongRope.cs", "Projections.cs", "RopeConfig.cs"];
        string[] families = [.. Family.All.Select(family => $"{family.GetType().Name}.cs")];
        CollectionAssert.AreEquivalent(families.Concat(helpers).ToArray(), Source.LibraryFiles
            .Where(file => file.StartsWith(Folder, StringComparison.Ordinal)).Select(file => file[Folder.Length..])
            .ToArray());
        string[] large = [.. families.Select(file => (file, Lines: File.ReadAllLines(
            Path.Combine(Source.Library, Folder, file)).Length))
            .Where(one => one.Lines > MostLinesOfAFamily).Select(one => $"{one.file}: {one.Lines} lines")];
        Assert.AreEqual("", string.Join(", ", large));
    }

    /// <summary>Whether two bases are of one family may be asked, of which one they are not.</summary>
    [TestMethod]
    [DynamicData(nameof(Files))]
    public void Code_OutsideOfFamilies_AsksForNone(string file)
    {
        if (file.StartsWith("Models/Families/", StringComparison.Ordinal))
            return;
        string code = Comment().Replace(File.ReadAllText(Path.Combine(Source.Library, file)), "");
        string types = string.Join('|', Family.All.Select(family => family.GetType().Name));
        string[] found = [.. AsksForAFamily().Matches(code)
            .Concat(Regex.Matches(code, $@"\bis (not )?({types})\b|\btypeof\(({types})\)"))
            .Select(match => match.Value)];
        Assert.IsEmpty(found, $"{file}: {string.Join("; ", found)}: make it a slot of the spec (docs/design.md)");
    }

    [TestMethod]
    public void Files_AreWritten_ByTheRoomOfFilesAlone()
    {
        string root = Path.Combine(Source.Root, "src");
        string[] writers = [.. Source.CodeFiles
            .Where(file => file.StartsWith(root + Path.DirectorySeparatorChar, StringComparison.Ordinal)
                && Write().IsMatch(Comment().Replace(File.ReadAllText(file), "")))
            .Select(file => Path.GetRelativePath(root, file).Replace('\\', '/'))
            .Where(file => !file.StartsWith("Microsoft.ML.PrefixTuning/Files/", StringComparison.Ordinal))];
        CollectionAssert.AreEquivalent(OwnWriters.Keys, writers);
    }

    [TestMethod]
    public void InternalMembersOfMlNet_AreUsed_InOneFileOnly()
    {
        string[] files = Source.LibraryFiles.Where(file => File.ReadAllText(Path.Combine(Source.Library, file))
            .Contains("IgnoresAccessChecksTo", StringComparison.Ordinal)).ToArray();
        CollectionAssert.AreEqual(new[] { "MlNet/MlNetInternals.cs" }, files);
    }

    [TestMethod]
    [DynamicData(nameof(Files))]
    public void Texts_OfTheLibrary_NameNoFlagOfTheTool(string file)
    {
        string text = File.ReadAllText(Path.Combine(Source.Library, file));
        // The remedy for a GGUF file that does not say its pre-tokenizer is told in both languages, a sweep's page goes
        // on with a command that the tool gave it, and the last flag is llama.cpp's.
        string[] flags = [.. Literal().Matches(text).SelectMany(found => Flag().Matches(found.Value))
            .Select(found => found.Value).Except(["--pre-tokenizer", "--seed", "--merge"])];
        Assert.IsEmpty(flags, $"{file}: {string.Join(", ", flags)}: options have the names of their properties here");
    }

    /// <summary>Numbers of the lines that are too long; a raw text keeps the lines of what it quotes.</summary>
    private static IEnumerable<int> LongLines(string file)
    {
        bool isRaw = false;
        int number = 0;
        foreach (string line in File.ReadLines(file))
        {
            number++;
            int quotes = line.Split("\"\"\"").Length - 1;
            if (line.Length > MostColumns && !isRaw && quotes == 0)
                yield return number;
            isRaw ^= quotes % 2 == 1;
        }
    }

    [GeneratedRegex(@"^\s*(?:global )?using (?:static )?(?:\w+ = )?([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Using();

    [GeneratedRegex(@"//.*$|""(?:[^""\\]|\\.)*""", RegexOptions.Multiline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"""(?:[^""\\\r\n]|\\.)*""")]
    private static partial Regex Literal();

    // A comparison of a family's name with anything but another base's.
    [GeneratedRegex(@"\bFamily\s*(?:switch\b|is\b|[!=]=(?!\s*\w+\.Family\b)|\.(?:Equals|\w+With|Contains)\b)"
        + @"|(?<!\bFamily\s*)[!=]=\s*[\w.]*\bFamily\b")]
    private static partial Regex AsksForAFamily();

    // What only reads is none of it.
    [GeneratedRegex(@"\bFile\.(WriteAll|Append|Create|Open\(|OpenWrite|Copy|Move|Replace)"
        + @"|\bnew FileStream\((?!\w+, FileMode\.Open, FileAccess\.Read,)|\bnew StreamWriter\(\w+, append")]
    private static partial Regex Write();

    [GeneratedRegex("--[a-z][a-z-]+")]
    private static partial Regex Flag();

    private sealed record Room(string[] Uses, bool KnowsTorch, bool KnowsMlNet);
}
