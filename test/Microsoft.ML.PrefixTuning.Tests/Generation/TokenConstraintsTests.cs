using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Generation;

[TestClass]
[TestCategory("Quick")]
public sealed class TokenConstraintsTests
{
    private const float Banned = float.NegativeInfinity;

    [TestMethod]
    public void Penalise_OfTokensThatWereThere_DividesPositiveAndMultipliesNegativeScoresOnce()
    {
        float[] scores = [2, -2, 3, 0];

        TokenConstraints.Penalise([0, 1, 1, 0], 2, scores);

        CollectionAssert.AreEqual((float[])[1, -4, 3, 0], scores);
    }

    [TestMethod]
    [DataRow(1, new[] { 3, 1 }, new[] { 1, 3 })]
    [DataRow(2, new[] { 3, 1, 2, 3 }, new[] { 1 })]
    [DataRow(2, new[] { 3 }, new int[0])]
    [DataRow(3, new[] { 1, 2, 3, 1, 2, 0, 1, 2 }, new[] { 0, 3 })]
    [DataRow(3, new[] { 1 }, new int[0])]
    public void BanRepeats_OfSize_BansWhatCompletesASequenceAgain(int size, int[] ids, int[] banned)
    {
        var scores = new float[5];

        TokenConstraints.BanRepeats(ids, size, scores);

        CollectionAssert.AreEqual(banned, BannedOf(scores));
    }

    [TestMethod]
    [DataRow(new[] { 2 }, new int[0], true)]
    [DataRow(new[] { 1, 2 }, new[] { 0, 1 }, true)]
    [DataRow(new[] { 1, 2 }, new[] { 1, 0 }, false)]
    [DataRow(new[] { 0, 1, 2 }, new[] { 1 }, false)]
    public void BanCompletion_OfSequence_BansItsLastTokenBehindTheOthers(int[] sequence, int[] ids, bool isBanned)
    {
        var scores = new float[4];

        TokenConstraints.BanCompletion(ids, sequence, scores);

        CollectionAssert.AreEqual(isBanned ? [2] : Array.Empty<int>(), BannedOf(scores));
    }

    [TestMethod]
    public void Apply_BelowMinimumLength_BansEveryEnd()
    {
        var rules = new GenerationRules { MaxNewTokens = 9, MinNewTokens = 2, EndIds = [0, 3] };
        var constraints = new TokenConstraints(rules);
        var text = new WrittenText([1, 1, 1], 9);
        text.Add(1);

        CollectionAssert.AreEqual((int[])[0, 3], BannedOf(Applied(constraints, text)));
        text.Add(1);
        CollectionAssert.AreEqual(Array.Empty<int>(), BannedOf(Applied(constraints, text)));
    }

    [TestMethod]
    public void Apply_WithSuppressedIds_NeverBansAnEnd()
    {
        var constraints =
            new TokenConstraints(new GenerationRules { MaxNewTokens = 9, EndIds = [0], SuppressedIds = [0, 2] });

        CollectionAssert.AreEqual((int[])[2], BannedOf(Applied(constraints, new WrittenText([1], 9))));
        Assert.IsTrue(constraints.OnlySuppress);
    }

    [TestMethod]
    public void Apply_AtFirstAndLastPlace_ForcesTheToken()
    {
        var rules = new GenerationRules
        {
            MaxNewTokens = 2,
            ForcedFirstId = 3,
            ForcedLastId = 0,
            EndIds = [0],
            SuppressedIds = [3],
            MinNewTokens = 2
        };
        var constraints = new TokenConstraints(rules);
        var text = new WrittenText([1], 2);

        CollectionAssert.AreEqual((float[])[Banned, Banned, Banned, 0], Applied(constraints, text));
        text.Add(3);
        CollectionAssert.AreEqual((float[])[0, Banned, Banned, Banned], Applied(constraints, text));
    }

    [TestMethod]
    public void Apply_WithPenaltyAndBan_KeepsTheReferencesOrder()
    {
        // Were the ban first, the penalty would meet negative infinity; were the end banned first, it would come back.
        var rules = new GenerationRules
        {
            MaxNewTokens = 9,
            RepetitionPenalty = 2,
            NoRepeatNGramSize = 1,
            MinNewTokens = 5,
            EndIds = [0]
        };

        CollectionAssert.AreEqual((float[])[Banned, Banned, 1, 1],
            Applied(new TokenConstraints(rules), new WrittenText([1], 9)));
    }

    private static float[] Applied(TokenConstraints constraints, WrittenText text)
    {
        float[] scores = [1, 1, 1, 1];
        constraints.Apply(text, scores);
        return scores;
    }

    private static int[] BannedOf(IReadOnlyList<float> scores) =>
        [.. Enumerable.Range(0, scores.Count).Where(token => float.IsNegativeInfinity(scores[token]))];
}
