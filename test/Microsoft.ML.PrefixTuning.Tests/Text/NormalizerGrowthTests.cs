using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Text;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>A tokenizer file cannot make gigabytes of a word.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class NormalizerGrowthTests
{
    private const int Rows = 1000;

    // A word that the rules below double once each.
    private const string Word = "a";

    private readonly TemporaryFolder _folder = new TemporaryFolder().CopyFrom(TinyBase.Folder("llama"));

    [TestCleanup]
    public void RemoveFolder() => _folder.Dispose();

    [TestMethod]
    [DataRow(24)]
    [DataRow(7)]
    public void FromFolder_DoublingNormalizers_AreRefused(int count)
    {
        SetNormalizers(Enumerable.Repeat(Replace(Word, Word + Word), count));
        AssertRefused();
    }

    [TestMethod]
    public void FromFolder_OneLongReplacement_IsRefused()
    {
        SetNormalizers([Replace(Word, new string('b', 1 << 16))]);
        AssertRefused();
    }

    [TestMethod]
    public void FromFolder_LongTextInFront_IsRefused()
    {
        SetNormalizers([$$"""{ "type": "Prepend", "prepend": "{{new string('b', 1 << 16)}}" }"""]);
        AssertRefused();
    }

    [TestMethod]
    public void FromFolder_ReplacementsThatGrowALittle_Work()
    {
        SetNormalizers(Enumerable.Repeat(Replace(Word, Word + Word), 6).Append(Replace("bbbb", "b")));
        PretrainedTokenizer tokenizer = PretrainedTokenizer.FromFolder(_folder.Path, Rows);
        CollectionAssert.AreEqual(tokenizer.Encode("bc"), tokenizer.Encode("bbbbc"));
        Assert.AreEqual(new string('a', 64), tokenizer.Decode(tokenizer.Encode(Word)));
    }

    [TestMethod]
    public void Apply_TableThatBlowsATextUp_IsRefusedWhileItGrows()
    {
        var table = new CharacterMapNormalizer(CharacterTable.Make("a", 1000), "file: 'table'");
        Assert.AreEqual("bb", table.Apply("bb", TextPlace.Opening, null));
        var refused = Assert.ThrowsExactly<FormatException>(() => table.Apply("aaa", TextPlace.Opening, null));
        Assert.AreEqual("file: 'table': expected a table that makes a text at most 64 times as long, found more.",
            refused.Message);
        var small = new CharacterMapNormalizer(CharacterTable.Make("a", 60), "file: 'table'");
        Assert.AreEqual(new string('x', 180), small.Apply("aaa", TextPlace.Opening, null));
    }

    private void AssertRefused()
    {
        var refused = Assert.ThrowsExactly<FormatException>(() => PretrainedTokenizer.FromFolder(_folder.Path, Rows));
        StringAssert.StartsWith(refused.Message, "tokenizer.json: ");
        StringAssert.Contains(refused.Message, "expected normalizers that make a text at most 64 times as long, found");
    }

    private void SetNormalizers(IEnumerable<string> normalizers)
    {
        string path = _folder["tokenizer.json"];
        JsonNode root = JsonNode.Parse(File.ReadAllText(path))!;
        root["normalizer"] = JsonNode.Parse(
            $$"""{ "type": "Sequence", "normalizers": [{{string.Join(", ", normalizers)}}] }""");
        File.WriteAllText(path, root.ToJsonString());
    }

    private static string Replace(string old, string content) =>
        $$"""{ "type": "Replace", "pattern": { "String": "{{old}}" }, "content": "{{content}}" }""";
}
