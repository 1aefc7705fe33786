using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Generation;

/// <summary>Searches over a toy language: the probabilities of the next token depend on the last token alone.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TokenSearchTests
{
    private const int End = 0;

    // Row: last token. Column: next token. 1 looks best at first, 2 leads to the best text.
    private static readonly double[][] s_language =
    [
        [1.00, 0.00, 0.00, 0.00],
        [0.30, 0.25, 0.25, 0.20],
        [0.90, 0.04, 0.03, 0.03],
        [0.10, 0.50, 0.40, 0.00],
    ];

    [TestMethod]
    public void Greedy_OverToyLanguage_TakesTheLargestEachTime()
    {
        GeneratedSequence found = Run(new GenerationRules { MaxNewTokens = 5, EndIds = [End] })[0];

        CollectionAssert.AreEqual((int[])[1, End], found.Ids);
        Assert.IsTrue(found.IsFinished);
    }

    [TestMethod]
    [DataRow(1, new[] { -1f, -0f, 0f })]
    [DataRow(0, new[] { -0f, -0f, 0f })]
    [DataRow(1, new[] { -1f, 0f, -0f })]
    [DataRow(2, new[] { -1f, -2f, 3f, 3f })]
    public void Largest_OfEqualOnes_IsTheFirst(int expected, float[] scores) =>
        Assert.AreEqual(expected, GreedySearch.Largest(scores));

    [TestMethod]
    public void Offer_OfEqualAndJustBetterOnes_KeepsTheFirstAndTheBetter()
    {
        var best = new BestContinuations(2);
        best.Offer(0, [-1, float.NegativeInfinity, -1, -1], 0);
        Assert.AreEqual((0, 2), (best[0].Token, best[1].Token));
        best.Offer(1, [-1], 0);
        Assert.AreEqual((0, 0), (best[0].Lane, best[1].Lane));
        // By less than scores are apart.
        best.Offer(2, [-0.5f], -0.5 + Math.Pow(2, -40));
        Assert.AreEqual((2, 0), (best[0].Lane, best[1].Lane));
    }

    [TestMethod]
    public void Beam_OverToyLanguage_FindsTheMoreProbableText()
    {
        GeneratedSequence found =
            Run(new GenerationRules { MaxNewTokens = 5, EndIds = [End], Decoding = Decoding.Beam(2) })[0];

        CollectionAssert.AreEqual((int[])[2, End], found.Ids);
        Assert.AreEqual((Math.Log(0.4) + Math.Log(0.9)) / 2, found.Score, 1e-6);
        Assert.IsTrue(found.IsFinished);
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(2)]
    [DataRow(3)]
    [DataRow(4)]
    public void Beam_AsWideAsEverything_FindsTheBestOfAllTexts(int length)
    {
        // Width 4^3 holds every beginning, so the search must find what trying all texts finds.
        var rules = new GenerationRules
        {
            MaxNewTokens = length,
            EndIds = [End],
            Decoding = Decoding.Beam(64, 0.7),
            SequenceCount = 5
        };

        GeneratedSequence[] found = Run(rules);

        double[] all = [.. AllTexts([3], length).Where(text => text.Sum > double.NegativeInfinity)
            .Select(text => text.Sum / Math.Pow(text.Length, 0.7)).OrderDescending().Take(5)];
        Assert.HasCount(rules.SequenceCount, found);
        for (int i = 0; i < found.Length; i++)
            Assert.AreEqual(all[Math.Min(i, all.Length - 1)], found[i].Score, 1e-5);
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(2)]
    [DataRow(4)]
    public void Beam_WithForcedTokens_GivesAsManyTextsAsAreAskedFor(int most)
    {
        var rules = new GenerationRules
        {
            MaxNewTokens = most,
            EndIds = [End],
            ForcedFirstId = 2,
            ForcedLastId = End,
            Decoding = Decoding.Beam(4),
            SequenceCount = 3,
        };

        GeneratedSequence[] found = Run(rules);

        Assert.HasCount(3, found);
        foreach (GeneratedSequence sequence in found)
        {
            Assert.IsLessThanOrEqualTo(most, sequence.Ids.Length);
            Assert.AreEqual(most == 1 ? End : 2, sequence.Ids[0]);
        }
    }

    [TestMethod]
    public void Beam_WithMinimumLength_EndsNoTextBefore()
    {
        var rules = new GenerationRules
        {
            MaxNewTokens = 6,
            MinNewTokens = 3,
            EndIds = [End],
            Decoding = Decoding.Beam(3, 1, earlyStopping: true),
            SequenceCount = 3,
        };

        GeneratedSequence[] found = Run(rules);

        Assert.HasCount(3, found);
        foreach (GeneratedSequence sequence in found)
        {
            Assert.IsGreaterThanOrEqualTo(4, sequence.Ids.Length);
            Assert.AreEqual(sequence.Ids.Length - 1, Array.IndexOf(sequence.Ids, End));
        }
        CollectionAssert.AreEqual(found.Select(sequence => sequence.Score).OrderDescending().ToArray(),
            found.Select(sequence => sequence.Score).ToArray());
    }

    [TestMethod]
    public void Beam_WithTwoEnds_KeepsEnoughThatGoOn()
    {
        // Both ends are the best continuations of both beams: with 2 x width candidates nothing would go on.
        double[][] language = [[1, 0, 0, 0], [0, 1, 0, 0], [0.4, 0.4, 0.15, 0.05], [0.4, 0.4, 0.15, 0.05]];
        var rules = new GenerationRules
        {
            MaxNewTokens = 4,
            MinNewTokens = 0,
            EndIds = [0, 1],
            Decoding = Decoding.Beam(2, 3, false),
            SequenceCount = 2
        };

        GeneratedSequence[] found = Run(rules, language);

        Assert.HasCount(2, found);
        Assert.IsTrue(found.All(sequence => sequence.IsFinished));
    }

    [TestMethod]
    public void Beam_ThatDoesNotStopEarly_GoesOnWhileABetterTextMayCome()
    {
        // Two short texts are finished soon; with a high power of the length the longer ones are better.
        double[][] language = [[1, 0, 0, 0], [0.3, 0.7, 0, 0], [0.3, 0, 0.7, 0], [0, 0.5, 0.5, 0]];
        var early = new GenerationRules { MaxNewTokens = 8, EndIds = [End], Decoding = Decoding.Beam(4, 3, true) };

        int stopped = Run(early, language)[0].Ids.Length;
        int patient = Run(early with { Decoding = Decoding.Beam(4, 3, false) }, language)[0].Ids.Length;

        Assert.AreEqual(3, stopped);
        Assert.AreEqual(8, patient);
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(4)]
    public void Search_OverNothingButBans_EndsUnfinished(int beams)
    {
        var rules = new GenerationRules
        {
            MaxNewTokens = 5,
            Decoding = beams == 1 ? Decoding.Greedy : Decoding.Beam(beams),
            SuppressedIds = [0, 1, 2, 3],
        };

        GeneratedSequence found = Run(rules)[0];

        Assert.IsEmpty(found.Ids);
        Assert.IsFalse(found.IsFinished);
    }

    [TestMethod]
    public void Sampled_WithStop_EndsThere()
    {
        var rules = new GenerationRules
        {
            MaxNewTokens = 50,
            Decoding = Decoding.Sampling(seed: 5),
            Stops = ids =>
            ids.Count == 3
        };

        GeneratedSequence found = Run(rules)[0];

        Assert.HasCount(3, found.Ids);
        Assert.IsTrue(found.IsFinished);
        double sum = Math.Log(s_language[3][found.Ids[0]]) + Math.Log(s_language[found.Ids[0]][found.Ids[1]])
            + Math.Log(s_language[found.Ids[1]][found.Ids[2]]);
        Assert.AreEqual(sum, found.Score, 1e-5);
    }

    [TestMethod]
    public void Sampled_TwoSequences_AreDrawnApartAndAgain()
    {
        var rules = new GenerationRules { MaxNewTokens = 40, Decoding = Decoding.Sampling(seed: 5), SequenceCount = 2 };
        double[][] even = [.. Enumerable.Repeat((double[])[0.25, 0.25, 0.25, 0.25], 4)];

        GeneratedSequence[] first = Run(rules, even), second = Run(rules, even);

        CollectionAssert.AreNotEqual(first[0].Ids, first[1].Ids);
        CollectionAssert.AreEqual(first[0].Ids, second[0].Ids);
        CollectionAssert.AreEqual(first[1].Ids, second[1].Ids);
        CollectionAssert.AreEqual(first[0].Ids, Run(rules with { SequenceCount = 1 }, even)[0].Ids);
    }

    private static GeneratedSequence[] Run(GenerationRules rules, double[][]? language = null)
    {
        language ??= s_language;
        int[] prompt = [3];
        // From 3 the first token: 1 with 0.5, 2 with 0.4.
        TokenSearch search =
            TokenSearch.Start(rules, new TokenConstraints(rules), new GenerationPrompt(prompt, null),
                new WrittenText(prompt, rules.MaxNewTokens));
        int[] lasts = [3];
        while (!search.IsDone)
        {
            float[] scores =
                [.. lasts.SelectMany(last => language[last].Select(probability => (float)Math.Log(probability)))];
            search.Advance(new TokenScores(scores, language[0].Length));
            lasts = [.. search.Tokens];
        }
        return search.Results();
    }

    private static (double Sum, int Length)[] AllTexts(int[] text, int left)
    {
        return [.. Enumerable.Range(0, s_language.Length).SelectMany(token =>
        {
            double own = Math.Log(s_language[text[^1]][token]);
            (double Sum, int Length)[] tails = token == End
                || left == 1 ? [(0, 0)] : AllTexts([.. text, token], left - 1);
            return tails.Select(tail => (own + tail.Sum, tail.Length + 1));
        })];
    }
}
