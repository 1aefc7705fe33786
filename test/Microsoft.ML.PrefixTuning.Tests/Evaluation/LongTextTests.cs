using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Evaluation;
using Microsoft.ML.PrefixTuning.Evaluation.Tokenization;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Evaluation;

/// <summary>
/// Long and repeated texts: a model that loops is what an evaluation is for. What a measure costs is seen by what this
/// thread allocates, which no other work on the machine changes.
/// </summary>
[TestClass, TestCategory("Metrics"), TestCategory("Quick")]
public sealed class LongTextTests
{
    private const long Megabyte = 1 << 20;

    private static readonly string[] Words =
        ("the cat cats sat sitting run runs running quick quickly river rivers bank of"
        + " banks happy happily man men walk walks .").Split(' ');

    // Figures of the search that made every path, which took time with the fourth power of equal words.
    [TestMethod]
    [DataRow(400, 300, 1, 0.7697654256163461)]
    [DataRow(300, 400, 1, 0.6298080755042832)]
    [DataRow(150, 150, 2, 0.4352505317789885)]
    [DataRow(150, 120, 5, 0.4549284519722308)]
    [DataRow(120, 150, 12, 0.3189937343364347)]
    [DataRow(300, 300, 22, 0.33950885224414035)]
    [DataRow(400, 400, 6, 0.42033337037939156)]
    public void Meteor_OfRepeatedWords_IsThatOfEveryPath(int output, int reference, int vocabulary, double expected)
    {
        var segment = new Segment(Text(output, vocabulary, 1), Text(reference, vocabulary, 2));
        Assert.AreEqual(expected, Meteor.OfSegment(segment, MeteorResources.BuiltIn).Score, 1e-12);
    }

    [TestMethod]
    public void Meteor_OfEqualWords_CostsNoPathAPlace()
    {
        string[] words = Enumerable.Repeat("the", 5_000).ToArray();
        string[][] references = [words, [.. words.Select((word, i) => i % 3 == 0 ? "cat" : word)]];
        foreach (string[] reference in references)
        {
            MeteorMatch?[] alignment = [];
            var work = new MeteorWork();
            long bytes = Allocated(() =>
                alignment = MeteorAligner.Align(words, reference, MeteorResources.BuiltIn, work));
            Assert.AreEqual(reference.Count(word => word == "the"), alignment.Count(match => match is not null));
            Assert.IsLessThan(1_000 * Megabyte, bytes);
            // A path makes the steps that may be kept, those of the blocks in which it has them all and in which its
            // chunk goes on, and that without a match; and looks at each block once.
            long paths = (long)MeteorBeam.Width * reference.Length;
            Assert.IsLessThanOrEqualTo(paths * (MeteorBeam.Width + 2 * PlaceBlock.Size + 1), work.Steps);
            Assert.IsLessThanOrEqualTo(paths * (words.Length / PlaceBlock.Size + 1), work.Blocks);
            Assert.IsGreaterThan(reference.Length, work.Steps);
        }
    }

    [TestMethod]
    public void Meteor_OfALongText_CopiesNoPlacesOfAllOfIt()
    {
        string[] output = Numbers(seed: 1), reference = Numbers(seed: 2);
        long bytes = Allocated(() => MeteorAligner.Align(output, reference, MeteorResources.BuiltIn));
        // A bit a word and kept step is 500 MB, an object a block of a word and path 250 MB.
        Assert.IsLessThan(400 * Megabyte, bytes);

        // Each of a thousand words comes about ten times.
        static string[] Numbers(uint seed) => Text(10_000, seed, next => $"{next % 1000}");
    }

    [TestMethod]
    [DataRow(0UL)]
    [DataRow(1UL)]
    [DataRow(ulong.MaxValue)]
    [DataRow(0x8000000000000001UL)]
    [DataRow(0x9E3779B97F4A7C15UL)]
    public void DistanceTo_OfABlock_IsThatOfItsPlacesTogether(ulong bits)
    {
        var block = new PlaceBlock(3, bits);
        foreach (int place in (int[])[0, 191, 192, 193, 220, 255, 256, 257, 40_000])
        {
            long expected = block.ToArray().Sum(own => (long)Math.Abs(own - place));
            Assert.AreEqual(expected, block.DistanceTo(place), $"{place}");
        }
    }

    [TestMethod]
    public void Ter_OfLongTexts_KeepsTheBeamAlone()
    {
        int[] words = [.. Enumerable.Range(0, 20_000).Select(i => i % 997)];
        int[] other = [.. words[7..], .. words[..7]];
        int edits = 0;
        long bytes = Allocated(() => edits = TerEdits.Count(words, other));
        // Too far for a shift: seven words go, seven come.
        Assert.AreEqual(14, edits);
        // The whole table has 1,600 MB.
        Assert.IsLessThan(400 * Megabyte, bytes);
    }

    [TestMethod]
    public void Rouge_OfLongLines_KeepsBitsOfTheTable()
    {
        string line = Text(20_000, Words.Length, 1);
        RougeScores scores = RougeScores.Zero;
        long bytes = Allocated(() =>
            scores = Rouge.OfSegment(new Segment($"{line}\nthe end", $"the end\n{line}"), stem: true));
        Assert.AreEqual(1, scores.RougeLsum.F, 1e-12);
        Assert.IsLessThan(200 * Megabyte, bytes);
    }

    [TestMethod]
    public void Stemmers_OfAWordOfY_ReachItsEnd()
    {
        // Whether a y is a vowel hangs on the letter before it.
        string word = new('y', 1_000_000);
        Assert.AreEqual(word.Length, PorterStemmer.Stem($"{word}ing").Length - 3, 3);
        Assert.AreEqual(word.Length, EnglishStemmer.Stem($"{word}ing").Length - 3, 3);
    }

    [TestMethod]
    public void MeteorTokens_OfARunOfDots_AreOneToken()
    {
        string dots = new('.', 20_000);
        string[] tokens = [];
        long bytes = Allocated(() =>
            tokens = MeteorTokenizer.Tokens($"wait{dots} what", MeteorResources.BuiltIn.NonbreakingPrefixes));
        CollectionAssert.AreEqual((string[])["wait", dots, "what"], tokens);
        Assert.IsLessThan(20 * Megabyte, bytes);
    }

    private static long Allocated(Action action)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    // Pseudo-random words of the first ones of the list.
    private static string Text(int words, int vocabulary, uint seed) =>
        string.Join(' ', Text(words, seed, next => Words[next % vocabulary]));

    private static string[] Text(int words, uint seed, Func<uint, string> wordOf)
    {
        var text = new string[words];
        for (int i = 0; i < words; i++)
        {
            seed = unchecked(seed * 1664525 + 1013904223);
            text[i] = wordOf(seed >> 16);
        }
        return text;
    }
}
