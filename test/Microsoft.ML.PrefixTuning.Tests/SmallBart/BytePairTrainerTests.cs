using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.SmallBart.Vocabulary;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.SmallBart;

/// <summary>The vocabulary of the small BART.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class BytePairTrainerTests
{
    // The words of Sennrich et al. 2016, section 3.2.
    private static readonly Dictionary<string, long> Words =
        new() { ["low"] = 5, ["lower"] = 2, ["newest"] = 6, ["widest"] = 3 };

    [TestMethod]
    public void Train_OnFewWords_MergesTheMostFrequentPairFirst()
    {
        BytePairVocabulary vocabulary = BytePairTrainer.Train(Words, 256 + 7);
        CollectionAssert.AreEqual(new[] { "e s", "es t", "l o", "lo w", "e w", "n ew", "new est" },
            vocabulary.Merges.Select(merge => $"{merge.Left} {merge.Right}").ToArray());
        CollectionAssert.AreEqual(new[] { "es", "est", "lo", "low", "ew", "new", "newest" }, vocabulary.Tokens.Skip(256)
            .ToArray());
    }

    [TestMethod]
    public void Train_WithoutPairsLeft_EndsEarly()
    {
        BytePairVocabulary vocabulary = BytePairTrainer.Train(Words, 1000);
        Assert.Contains("widest", vocabulary.Tokens);
        Assert.HasCount(vocabulary.Tokens.Count - 256, vocabulary.Merges);
        Assert.IsLessThan(1000, vocabulary.Tokens.Count);
    }

    [TestMethod]
    public void Train_OfRepeatedLetters_JoinsFromTheLeft()
    {
        // a a a a a: aa aa a, and then either pair occurs once.
        BytePairVocabulary vocabulary = BytePairTrainer.Train(new Dictionary<string, long> { ["aaaaa"] = 1 }, 1000);
        CollectionAssert.AreEqual(new[] { ("a", "a"), ("aa", "a"), ("aa", "aaa") }, vocabulary.Merges.ToArray());
    }

    [TestMethod]
    public void Write_OfAVocabulary_IsReadAsBartsTokenizer()
    {
        const string Text = "The newest houses lie lower than the widest river ; 12 of them — naïve — are new .";
        using var folder = new TemporaryFolder();
        var counts = new PieceCounts();
        counts.Add(Text);
        TokenizerFiles.Write(BytePairTrainer.Train(counts.Counts, 300), folder.Path, 128);
        PretrainedTokenizer tokenizer = PretrainedTokenizer.FromFolder(folder.Path, 300 + TokenizerFiles.SpecialCount);
        int[] ids = tokenizer.Encode(Text);
        Assert.AreEqual(Text, tokenizer.Decode(ids));
        Assert.IsLessThan(Text.Length, ids.Length);
        Assert.AreEqual((0, 2, 304),
            (tokenizer.Prologue.Single(), tokenizer.Epilogue.Single(), tokenizer.SpecialTokens[TokenizerFiles.Mask]));
    }
}
