using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.SmallBart.Corpus;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.SmallBart;

/// <summary>BART's noise.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class NoiseTests
{
    private const int Begin = 0, End = 2, Mask = 4, Sentences = 5, Length = 12;

    private static readonly Noise Noise = new(Begin, End, Mask);

    // Sentence 3 holds 300, 301, ...
    private static readonly int[][] Passage = Enumerable.Range(1, Sentences)
        .Select(sentence => Enumerable.Range(100 * sentence, Length).ToArray()).ToArray();

    [TestMethod]
    public void Apply_WantsTheTextAsItWas()
    {
        TrainingExample row = Noise.Apply(Passage, new SeededRandom(1, RandomPurpose.Order));
        CollectionAssert.AreEqual(new[] { Begin }.Concat(Passage.SelectMany(sentence => sentence)).Append(End)
            .ToArray(), row.Target);
        Assert.AreEqual((Begin, End), (row.Source[0], row.Source[^1]));
    }

    [TestMethod]
    public void Apply_MasksThreeTenthsInSpans()
    {
        int masks = 0, rows = 200, hidden = (int)Math.Ceiling(0.3 * Sentences * Length);
        for (int seed = 0; seed < rows; seed++)
        {
            int[] noisy = Noise.Apply(Passage, new SeededRandom(seed, RandomPurpose.Order)).Source[1..^1];
            Assert.HasCount(Sentences * Length - hidden, noisy.Where(id => id != Mask));
            masks += noisy.Count(id => id == Mask);
        }
        // Spans of 3 tokens on average, those of none among them.
        Assert.AreEqual(hidden / 3.0, (double)masks / rows, 0.6);
    }

    [TestMethod]
    public void Apply_PutsTheSentencesOfHalfThePassagesInAnotherOrderAndKeepsThemWhole()
    {
        int permuted = 0, rows = 200;
        for (int seed = 0; seed < rows; seed++)
        {
            int[] kept = Noise.Apply(Passage, new SeededRandom(seed, RandomPurpose.Order)).Source[1..^1]
                .Where(id => id != Mask).ToArray();
            int[] order = kept.Select(id => id / 100).ToArray();
            permuted += order.SequenceEqual(order.Order()) ? 0 : 1;
            Assert.HasCount(order.Distinct().Count() - 1, order.Zip(order.Skip(1))
                .Where(pair => pair.First != pair.Second));
            foreach (var sentence in kept.GroupBy(id => id / 100))
                CollectionAssert.AreEqual(sentence.Order().ToArray(), sentence.ToArray());
        }
        Assert.AreEqual(0.5, (double)permuted / rows, 0.12);
    }

    [TestMethod]
    public void Apply_OfOneSeed_IsOneNoise()
    {
        int[] Source(int seed) => Noise.Apply(Passage, new SeededRandom(seed, RandomPurpose.Order)).Source;
        CollectionAssert.AreEqual(Source(3), Source(3));
        CollectionAssert.AreNotEqual(Source(3), Source(4));
    }
}
