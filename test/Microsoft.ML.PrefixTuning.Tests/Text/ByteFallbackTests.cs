using System.IO;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>
/// Characters without a token in a vocabulary whose bytes have tokens, some of them or all: as the reference, a
/// character becomes its bytes where each of them has one, else the unknown token.
/// </summary>
[TestClass]
[TestCategory("Quick")]
public sealed class ByteFallbackTests
{
    private const string Bytes = """{ "<unk>": 0, "a": 1, "\t": 2, "<0xC3>": 3, "<0xA9>": 4, "▁": 5 }""";

    private const string Scores =
        """[["<unk>", 0], ["a", -1], ["\t", -1], ["<0xC3>", -9], ["<0xA9>", -9], ["▁", -2]]""";

    [TestMethod]
    [DataRow("a\té", new[] { 1, 2, 3, 4 }, 0)]
    [DataRow("aüa", new[] { 1, 0, 1 }, 2)]
    [DataRow("üü", new[] { 0 }, 4)]
    [DataRow("é\nü", new[] { 3, 4, 0 }, 3)]
    public void Encode_InBytePairs_TakesBytesWhereAllAreThere(string text, int[] ids, int lost) => Check(
        $$"""{ "type": "BPE", "vocab": {{Bytes}}, "merges": [], "unk_token": "<unk>", "fuse_unk": true,"""
            + """ "byte_fallback": true }""", text, ids, lost);

    [TestMethod]
    [DataRow("a\té", new[] { 1, 2, 3, 4 }, 0)]
    [DataRow("aüa", new[] { 1, 0, 1 }, 2)]
    [DataRow("üü", new[] { 0 }, 4)]
    public void Encode_InUnigrams_TakesBytesWhereAllAreThere(string text, int[] ids, int lost) => Check(
        $$"""{ "type": "Unigram", "vocab": {{Scores}}, "unk_id": 0, "byte_fallback": true }""", text, ids, lost);

    private static void Check(string model, string text, int[] ids, int lost)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["tokenizer.json"], $$"""
            { "pre_tokenizer": { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": false },
              "model": {{model}},
              "decoder": { "type": "Sequence", "decoders": [
                { "type": "Replace", "pattern": { "String": "▁" }, "content": " " }, { "type": "ByteFallback" },
                { "type": "Fuse" }] } }
            """);
        PretrainedTokenizer tokenizer = PretrainedTokenizer.FromFolder(folder.Path, 6);
        CollectionAssert.AreEqual(ids, tokenizer.Encode(text, out int found));
        Assert.AreEqual(lost, found);
        if (lost == 0)
            Assert.AreEqual(text, tokenizer.Decode(ids));
    }
}
