using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Evaluation;
using Microsoft.ML.PrefixTuning.Evaluation.Tokenization;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Evaluation;

[TestClass, TestCategory("Metrics"), TestCategory("Quick")]
public class MeteorTests
{
    private static readonly Lazy<MeteorResources> WithSynonyms =
        new(() => MeteorResources.FromFolder(GoldenMetrics.Locate("meteor-resources")));

    // METEOR was not run on ex4.
    public static IEnumerable<object[]> Cases =>
        GoldenMetrics.Cases(GoldenMetrics.AllSets.Where(set => set != "ex4"), ["exact_stem", "exact_stem_synonym"]);

    [TestMethod, DynamicData(nameof(Cases))]
    public void Corpus_GoldenSet_EqualsMeteor(string set, string entry)
    {
        JsonElement golden = GoldenMetrics.Of(set).GetProperty("METEOR-1.5_en_norm_no_paraphrase").GetProperty(entry);
        const double Tolerance = 1e-9;

        MeteorScore score = Meteor.Corpus(GoldenMetrics.Segments(set), Resources(entry));

        Assert.AreEqual(golden.GetProperty("final").GetDouble(), score.Score, Tolerance);
        JsonElement parts = golden.GetProperty("aggregate");
        Assert.AreEqual(parts.GetProperty("Precision").GetDouble(), score.Precision, Tolerance);
        Assert.AreEqual(parts.GetProperty("Recall").GetDouble(), score.Recall, Tolerance);
        Assert.AreEqual(parts.GetProperty("Fragmentation penalty").GetDouble(), score.Penalty, Tolerance);
        Assert.AreEqual(parts.GetProperty("Test words").GetDouble(), score.Counts.Output.Words);
    }

    [TestMethod, DynamicData(nameof(Cases))]
    public void OfSegment_GoldenSet_EqualsMeteor(string set, string entry)
    {
        JsonElement figures = GoldenMetrics.Of(set).GetProperty("METEOR-1.5_en_norm_no_paraphrase").GetProperty(entry);
        if (!figures.TryGetProperty("segments", out JsonElement golden))
            return;
        Segment[] segments = GoldenMetrics.Segments(set);
        for (int i = 0; i < segments.Length; i++)
            Assert.AreEqual(golden[i].GetDouble(), Meteor.OfSegment(segments[i], Resources(entry)).Score, 1e-9,
                segments[i].Output);
    }

    [TestMethod]
    public void Corpus_EmptyTexts_IsZero()
    {
        Assert.AreEqual(0, Meteor.Corpus([], MeteorResources.BuiltIn).Score);
        Assert.AreEqual(0, Meteor.Corpus([new Segment("", "a reference")], MeteorResources.BuiltIn).Score);
        Assert.AreEqual(0, Meteor.Corpus([new Segment("an output", "")], MeteorResources.BuiltIn).Score);
        Assert.AreEqual(0, Meteor.Corpus([new Segment("", "")], MeteorResources.BuiltIn).Score);
    }

    [TestMethod]
    [DataRow("A well-known U.S. firm -- Dr. Who's -- costs 1,000.50 in the 1990's...",
        "a well known us firm - dr. who 's - costs 1,000.50 in the 1990 's ...")]
    [DataRow("“Hello”, he said: 'No. 5' is no. good.", "\" hello \" , he said : ' no. 5 ' is no. good .")]
    [DataRow("Ночь—😀 naïve caf\u00e9\u00a0x", "ночь — 😀 naïve café x")]
    public void Tokens_OddText_FollowsMeteor(string text, string tokens) =>
        Assert.AreEqual(tokens,
            string.Join(' ', MeteorTokenizer.Tokens(text, MeteorResources.BuiltIn.NonbreakingPrefixes)));

    [TestMethod]
    [DataRow("function.english.words")]
    [DataRow("nonbreaking.english.prefixes")]
    public void BuiltIn_WordLists_AreMeteorsUnchanged(string file)
    {
        using Stream stream = typeof(MeteorResources).Assembly.GetManifestResourceStream(file)!;
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        CollectionAssert.AreEqual(File.ReadAllBytes(GoldenMetrics.Locate(Path.Combine("meteor-resources", file))),
            bytes.ToArray());
    }

    [TestMethod]
    public void FromFolder_MissingFolderOrFiles_SaysWhatIsAccepted()
    {
        DirectoryNotFoundException noFolder =
            Assert.ThrowsExactly<DirectoryNotFoundException>(() => MeteorResources.FromFolder("/nowhere/at/all"));
        StringAssert.Contains(noFolder.Message, "/nowhere/at/all");
        using var folder = new TemporaryFolder();
        FileNotFoundException noFiles =
            Assert.ThrowsExactly<FileNotFoundException>(() => MeteorResources.FromFolder(folder.Path));
        StringAssert.Contains(noFiles.Message, "function.english.words");
    }

    [TestMethod]
    public void FromFolder_BrokenSynsets_NamesFileAndLine()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["english.exceptions"], "man\nmen\n");
        File.WriteAllText(folder["english.synsets"], "man\n1 2\nfolk\n1 x\n");

        FormatException refusal = Assert.ThrowsExactly<FormatException>(() => MeteorResources.FromFolder(folder.Path));

        Assert.AreEqual("english.synsets: line 4: expected numbers of senses, found 'x'.", refusal.Message);
    }

    [TestMethod]
    public void FromFolder_Synsets_MatchesBySense()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["english.exceptions"], "man\nmen\n");
        File.WriteAllText(folder["english.synsets"], "man\n1 2\nfolk\n1\n");
        MeteorResources resources = MeteorResources.FromFolder(folder.Path);
        var segment = new Segment("three men", "three folk");

        Assert.AreEqual(2, Meteor.OfSegment(segment, resources).Counts.Matches);
        Assert.AreEqual(1, Meteor.OfSegment(segment, MeteorResources.BuiltIn).Counts.Matches);
    }

    private static MeteorResources Resources(string entry) =>
        entry == "exact_stem" ? MeteorResources.BuiltIn : WithSynonyms.Value;
}
