using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Evaluation;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Evaluation;

[TestClass, TestCategory("Metrics"), TestCategory("Quick")]
public class BleuTests
{
    private static readonly Dictionary<string, BleuOptions> Entries = new()
    {
        ["BLEU_default"] = new(),
        ["BLEU_lc"] = new() { Lowercase = true },
        ["BLEU_tok_none"] = new() { Tokenization = BleuTokenization.None },
        ["BLEU_tok_intl"] = new() { Tokenization = BleuTokenization.International },
        ["BLEU_smooth_none"] = new() { Smoothing = BleuSmoothing.None },
        ["BLEU_smooth_floor0.1"] = new() { Smoothing = BleuSmoothing.Floor },
        ["BLEU_smooth_addk1"] = new() { Smoothing = BleuSmoothing.AddK },
    };

    public static IEnumerable<object[]> Cases => GoldenMetrics.Cases(GoldenMetrics.AllSets, Entries.Keys);

    private static JsonElement Published =>
        GoldenMetrics.Published.GetProperty("sacrebleu").GetProperty("test/test_bleu.py");

    [TestMethod, DynamicData(nameof(Cases))]
    public void Corpus_GoldenSet_EqualsSacreBleu(string set, string entry)
    {
        JsonElement golden = GoldenMetrics.Of(set).GetProperty("sacrebleu").GetProperty(entry);

        BleuScore score = Bleu.Corpus(GoldenMetrics.Segments(set), Entries[entry]);

        Assert.AreEqual(golden.GetProperty("score").GetDouble(), score.Score, 1e-9);
        Assert.AreEqual(golden.GetProperty("bp").GetDouble(), score.BrevityPenalty, 1e-9);
        Assert.AreEqual(golden.GetProperty("sys_len").GetInt32(), score.Counts.OutputLength);
        Assert.AreEqual(golden.GetProperty("ref_len").GetInt32(), score.Counts.ReferenceLength);
        AssertAllEqual(golden.GetProperty("precisions"), score.Precisions);
        // The source adds k to the counts themselves.
        int added = entry == "BLEU_smooth_addk1" && score.Score > 0 ? 1 : 0;
        AssertAllEqual(golden.GetProperty("counts"),
            score.Counts.Matches.Select((count, i) => count + (i > 0 ? added : 0.0)));
        AssertAllEqual(golden.GetProperty("totals"),
            score.Counts.Totals.Select((count, i) => count + (i > 0 ? added : 0.0)));
    }

    [TestMethod]
    public void Corpus_SacreBleusCases_Equal()
    {
        foreach (JsonElement item in Published.Starting("corpus_bleu").EnumerateArray())
        {
            BleuOptions options = Options(item[2]);
            Assert.AreEqual(item[3].GetDouble(),
                Bleu.Corpus(GoldenMetrics.FromStreams(item[0], item[1]), options).Score, 1e-8);
        }
    }

    [TestMethod]
    public void Corpus_SacreBleusFloorCases_Equal()
    {
        foreach (JsonElement item in Published.Starting("floor default").EnumerateArray())
        {
            Segment[] segments = GoldenMetrics.FromStreams(item[0], item[1]);
            Assert.AreEqual(item[2].GetDouble(),
                Bleu.Corpus(segments, new BleuOptions { Smoothing = BleuSmoothing.Floor }).Score / 100, 1e-8);
            Assert.AreEqual(item[3].GetDouble(),
                Bleu.Corpus(segments, new BleuOptions { Smoothing = BleuSmoothing.None }).Score / 100, 1e-8);
        }
    }

    [TestMethod]
    public void Corpus_SacreBleusCounts_Equal()
    {
        foreach (JsonElement item in Published.Starting("counts/totals").EnumerateArray())
        {
            BleuCounts counts = Bleu.Corpus(GoldenMetrics.FromStreams(item[0], item[1]), BleuOptions.Default).Counts;
            AssertAllEqual(item[2][0], counts.Matches.Select(count => (double)count));
            AssertAllEqual(item[2][1], counts.Totals.Select(count => (double)count));
        }
    }

    [TestMethod]
    public void FromCounts_SacreBleusCase_Equals()
    {
        foreach (JsonElement item in Published.Starting("compute_bleu").EnumerateArray())
        {
            var counts =
                new BleuCounts(4) { OutputLength = item[0][1].GetInt32(), ReferenceLength = item[0][2].GetInt32() };
            for (int i = 0; i < 4; i++)
                (counts.Matches[i], counts.Totals[i]) = (item[0][0][0][i].GetInt32(), item[0][0][1][i].GetInt32());
            Assert.AreEqual(item[1].GetDouble(), Bleu.FromCounts(counts, BleuOptions.Default).Score / 100, 1e-8);
        }
    }

    [TestMethod]
    public void Corpus_OtherMaxOrders_EqualSacreBleu()
    {
        foreach (JsonElement item in Published.Starting("max_ngram_order").EnumerateArray())
        {
            var options = new BleuOptions { MaxOrder = item[0].GetInt32() };
            double score = Bleu.Corpus(GoldenMetrics.FromStreams(item[1], item[2]), options).Score;
            Assert.AreEqual(item[3].GetString(), score.ToString("F2", CultureInfo.InvariantCulture));
        }
    }

    [TestMethod]
    public void Corpus_EmptyTexts_IsZero()
    {
        Assert.AreEqual(0, Bleu.Corpus([], BleuOptions.Default).Score);
        Assert.AreEqual(0, Bleu.Corpus([new Segment("", "a b c d")], BleuOptions.Default).Score);
        Assert.AreEqual(0, Bleu.Corpus([new Segment("a b c d", "")], BleuOptions.Default).Score);
    }

    [TestMethod]
    [DataRow("Ünïcödé naïve café 😀 ок .")]
    [DataRow("日本 語 の テスト です 。")]
    public void Corpus_EqualUnicodeTexts_Is100(string text)
    {
        foreach (BleuTokenization tokenization in Enum.GetValues<BleuTokenization>())
            Assert.AreEqual(100,
                Bleu.Corpus([new Segment(text, text)], new BleuOptions { Tokenization = tokenization }).Score, 1e-9);
    }

    private static BleuOptions Options(JsonElement arguments)
    {
        var options = new BleuOptions();
        if (arguments.TryGetProperty("tokenize", out JsonElement tokenize))
            options = options with { Tokenization = Tokenization(tokenize.GetString()!) };
        if (arguments.TryGetProperty("smooth_method", out JsonElement smoothing))
            options = options with { Smoothing = Smoothing(smoothing.GetString()!) };
        return options;
    }

    private static BleuTokenization Tokenization(string name) => name switch
    {
        "13a" => BleuTokenization.Mteval13a,
        "intl" => BleuTokenization.International,
        "none" => BleuTokenization.None,
        "char" => BleuTokenization.Characters,
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "Unknown tokenisation."),
    };

    private static BleuSmoothing Smoothing(string name) => name switch
    {
        "exp" => BleuSmoothing.Exponential,
        "floor" => BleuSmoothing.Floor,
        "add-k" => BleuSmoothing.AddK,
        "none" => BleuSmoothing.None,
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "Unknown smoothing."),
    };

    private static void AssertAllEqual(JsonElement golden, IEnumerable<double> found)
    {
        double[] values = [.. found];
        Assert.AreEqual(golden.GetArrayLength(), values.Length);
        for (int i = 0; i < values.Length; i++)
            Assert.AreEqual(golden[i].GetDouble(), values[i], 1e-9);
    }
}
