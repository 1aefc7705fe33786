using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>The tokenizer of a real model against encodings of the reference implementation.</summary>
[TestClass]
[TestCategory("Tokenizers")]
public sealed class SmolLM2TokenizerTests
{
    private const int VocabularySize = 49152;

    [TestMethod]
    [DataRow("")]
    [DataRow("SmolLM2-135M-Instruct.Q4_1.gguf")]
    public void Encode_EveryText_AsTheReference(string gguf)
    {
        (PretrainedTokenizer tokenizer, JsonElement golden) = Load(gguf);

        foreach (JsonElement item in golden.GetProperty("items").EnumerateArray())
        {
            string text = item.GetProperty("text").GetString()!;
            int[] ids = Ids(item.GetProperty("ids"));
            int[] plain = item.TryGetProperty("ids_plain", out JsonElement differing) ? Ids(differing) : ids;
            string decoded = item.TryGetProperty("decoded_skip_special", out JsonElement skipped) ? skipped.GetString()!
                : item.TryGetProperty("decoded", out JsonElement other) ? other.GetString()! : text;

            CollectionAssert.AreEqual(plain, tokenizer.Encode(text), text);
            CollectionAssert.AreEqual(ids, tokenizer.EncodeTemplate(text), text);
            Assert.AreEqual(decoded, tokenizer.Decode(ids), text);
        }
    }

    [TestMethod]
    public void Decode_CutBytes_OneReplacementForEachInvalidPart()
    {
        (PretrainedTokenizer tokenizer, JsonElement golden) = Load();

        foreach (JsonElement item in golden.GetProperty("decode").EnumerateArray())
            Assert.AreEqual(item.GetProperty("text_skip_special").GetString(),
                tokenizer.Decode(Ids(item.GetProperty("ids"))), item.GetProperty("name").GetString());
    }

    [TestMethod]
    public void Encode_BytesWithoutAToken_LeftOutAndCounted()
    {
        (PretrainedTokenizer tokenizer, JsonElement golden) = Load();
        var missing = Ids(golden.GetProperty("missing_bytes")).ToHashSet();
        Assert.HasCount(21, missing);

        for (int code = 0; code <= 0x10FFFF; code = code < 0x180 ? code + 1 : code + 0x1001)
        {
            if (!Rune.TryCreate(code, out Rune rune))
                continue;
            string text = rune.ToString();
            int expected = Encoding.UTF8.GetBytes(text).Count(value => missing.Contains(value));
            tokenizer.Encode(text, out int lost);
            Assert.AreEqual(expected, lost, $"U+{code:X4}");
        }
    }

    private static (PretrainedTokenizer Tokenizer, JsonElement Golden) Load(string gguf = "")
    {
        string folder = Fixtures.Require(Fixtures.SmolLM2);
        string model = Path.Combine(folder, "..", "..", "models", "smollm2-135m-instruct");
        JsonElement golden = JsonElement.Parse(File.ReadAllBytes(Path.Combine(folder, "encodings.json")));
        PretrainedTokenizer tokenizer = gguf.Length == 0 ? PretrainedTokenizer.FromFolder(model, VocabularySize)
            : PretrainedTokenizer.FromGguf(GgufKeys.Read(Path.Combine(model, gguf)), gguf, VocabularySize);
        return (tokenizer, golden);
    }

    private static int[] Ids(JsonElement list) => list.EnumerateArray().Select(id => id.GetInt32()).ToArray();
}
