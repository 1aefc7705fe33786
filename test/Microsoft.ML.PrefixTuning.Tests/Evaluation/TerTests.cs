using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Evaluation;
using Microsoft.ML.PrefixTuning.Evaluation.Tokenization;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Evaluation;

[TestClass, TestCategory("Metrics"), TestCategory("Quick")]
public class TerTests
{
    public static IEnumerable<object[]> Cases =>
        GoldenMetrics.Cases(GoldenMetrics.SmallSets, ["TER_default", "TER_normalized"])
        .Append(["dartbart", "TER_default"]);

    private static JsonElement Published => GoldenMetrics.Published.GetProperty("sacrebleu");

    [TestMethod, DynamicData(nameof(Cases))]
    public void Corpus_GoldenSet_EqualsSacreBleu(string set, string entry)
    {
        JsonElement golden = GoldenMetrics.Of(set).GetProperty("sacrebleu").GetProperty(entry);

        TerScore score = Ter.Corpus(GoldenMetrics.Segments(set), entry == "TER_normalized");

        Assert.AreEqual(golden.GetProperty("num_edits").GetInt32(), score.Edits);
        Assert.AreEqual(golden.GetProperty("ref_length").GetDouble(), score.ReferenceLength, 1e-9);
        Assert.AreEqual(golden.GetProperty("score").GetDouble(), score.Score, 1e-9);
    }

    [TestMethod, DynamicData(nameof(GoldenMetrics.SmallSets), typeof(GoldenMetrics))]
    public void Corpus_OneSegment_EqualsSacreBleu(string set)
    {
        JsonElement golden = GoldenMetrics.Of(set).GetProperty("sacrebleu").GetProperty("segments");
        Segment[] segments = GoldenMetrics.Segments(set);
        for (int i = 0; i < segments.Length; i++)
        {
            Segment[] one = [segments[i]];
            Assert.AreEqual(golden[i].GetProperty("TER").GetDouble(), Ter.Corpus(one, normalize: false).Score, 1e-9);
            Assert.AreEqual(golden[i].GetProperty("TER_normalized").GetDouble(),
                Ter.Corpus(one, normalize: true).Score, 1e-9);
        }
    }

    [TestMethod]
    public void Corpus_SacreBleusCases_Equal()
    {
        foreach (JsonElement item in Published.GetProperty("test/test_ter.py").Starting("corpus TER").EnumerateArray())
        {
            Segment[] segments = [.. item[0].EnumerateArray().Zip(item[1].EnumerateArray(),
                (output, reference) => new Segment(output.GetString()!, reference.GetString()!))];
            Assert.AreEqual(item[2].GetDouble(), Ter.Corpus(segments, normalize: false).Score / 100, 1e-5);
        }
    }

    [TestMethod]
    [DataRow("default", false)]
    [DataRow("normalized", true)]
    public void Tokens_SacreBleusCases_Equal(string cases, bool normalize)
    {
        foreach (JsonElement item in Published.GetProperty("test/test_tokenizer_ter.py").GetProperty(cases)
            .EnumerateArray())
            Assert.AreEqual(item[1].GetString(),
                string.Join(' ', TercomTokenizer.Tokens(item[0].GetString()!, normalize)));
    }

    [TestMethod]
    public void Corpus_EmptyTexts_CountsWhatIsThere()
    {
        Assert.AreEqual(0, Ter.Corpus([], normalize: false).Score);
        Assert.AreEqual(0, Ter.Corpus([new Segment("", "")], normalize: false).Score);
        Assert.AreEqual(100, Ter.Corpus([new Segment("", "two words")], normalize: false).Score);
        Assert.AreEqual(100, Ter.Corpus([new Segment("two words", "")], normalize: false).Score);
    }

    [TestMethod]
    public void Corpus_MovedWords_IsOneEdit() =>
        Assert.AreEqual(1, Ter.Corpus([new Segment("d e f g h a b c", "a b c d e f g h")], normalize: false).Edits);
}
