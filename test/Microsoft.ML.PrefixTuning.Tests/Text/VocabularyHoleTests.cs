using System;
using System.IO;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>Ids without a token: taken between added tokens, as o200k has them, refused anywhere else.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class VocabularyHoleTests
{
    [TestMethod]
    public void FromFolder_HolesBetweenAddedTokens_AreIdsWithoutText()
    {
        PretrainedTokenizer tokenizer = Read(text: 2, added: 5);
        CollectionAssert.AreEqual(new[] { 0, 1, 2 }, tokenizer.Encode("abc"));
        Assert.AreEqual("ac", tokenizer.Decode([0, 3, 4, 2]));
        Assert.IsNull(tokenizer.TokenOf(4));
        Assert.AreEqual("<end>", tokenizer.TokenOf(5));
    }

    [TestMethod]
    [DataRow(3, 6, 2)]
    [DataRow(2, 900, 3)]
    public void FromFolder_HolesElsewhere_AreRefused(int text, int added, int missing) => Assert.AreEqual(
        $"tokenizer.json: expected a token for every id below the largest, id {missing} is missing.",
        Assert.ThrowsExactly<FormatException>(() => Read(text, added)).Message);

    /// <summary>Tokens a and b, one c of the given id, and an added token.</summary>
    private static PretrainedTokenizer Read(int text, int added)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["tokenizer.json"], $$"""
            { "added_tokens": [{ "id": {{added}}, "content": "<end>", "special": true }],
              "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false },
              "model": { "type": "BPE", "vocab": { "a": 0, "b": 1, "c": {{text}} }, "merges": [] },
              "decoder": { "type": "ByteLevel" } }
            """);
        return PretrainedTokenizer.FromFolder(folder.Path);
    }
}
