using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Text;

/// <summary>
/// Whole tokenizers of real models, which are too large for the repository and the golden sets: a variable names a
/// folder with a folder for each, the golden ids lie beside the others.
/// </summary>
[TestClass]
[TestCategory("Tokenizers")]
public sealed class RealTokenizerTests
{
    public static IEnumerable<object[]> Models => Fixtures.RealTokenizerIds is { } golden
        ? Directory.GetDirectories(golden).Select(folder => new object[] { Path.GetFileName(folder) }) : [["gemma2"]];

    [TestMethod]
    [DynamicData(nameof(Models))]
    public void Encode_EveryGoldenText_AsTheReference(string model)
    {
        string golden = Path.Combine(Fixtures.Require(Fixtures.RealTokenizerIds), model, "golden.json");
        string folder = Path.Combine(Fixtures.Require(Fixtures.RealTokenizers), model);
        PretrainedTokenizer tokenizer = PretrainedTokenizer.FromFolder(folder);

        int texts = 0;
        foreach (JsonElement item in JsonElement.Parse(File.ReadAllBytes(golden)).EnumerateArray())
        {
            string text = item.GetProperty("text").GetString()!;
            int[] ids = [.. item.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
            CollectionAssert.AreEqual(ids, tokenizer.Encode(text), text);
            Assert.AreEqual(item.GetProperty("decoded").GetString(), tokenizer.Decode(ids), text);
            texts++;
        }
        Assert.IsGreaterThan(0, texts);
    }
}
