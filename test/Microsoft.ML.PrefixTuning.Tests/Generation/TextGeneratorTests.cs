using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Parity;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Generation;

/// <summary>
/// What generation promises whatever the model: rows do not touch each other, nothing is left behind.
/// </summary>
[TestClass]
public sealed class TextGeneratorTests
{
    private const int RowCount = 64;

    /// <summary>A family of each kind: plain, windowed, both windows and rotations, encoder beside decoder.</summary>
    public static IEnumerable<object[]> Bases =>
        from folder in (string[])["llama", "mistral-window", "gemma3", "bart", "t5"]
        from decoding in (string[])["greedy", "rules", "beam", "sampling"]
        select new object[] { folder, decoding };

    [TestMethod]
    [DynamicData(nameof(Bases))]
    public void Generate_OfMixedRows_DoesNotDependOnBatchOrderOrFormerCalls(string folder, string decoding)
    {
        using var bench = new Bench(folder);
        GenerationPrompt[] prompts = bench.Prompts(RowCount);
        GenerationRules rules = Rules(decoding, bench.Model);
        GeneratedSequence[][] alone = bench.Generate(rules with { BatchSize = 1 }, prompts);

        AssertEqual(alone, bench.Generate(rules with { BatchSize = 3 }, prompts), "batch size 3");
        using var generator = new BatchWriter(bench.Model, rules with { BatchSize = 16 });
        int[] order = [.. Enumerable.Range(0, RowCount).Select(row => row * 37 % RowCount)];
        IReadOnlyList<GeneratedSequence[]> shuffled = generator.Generate([.. order.Select(row => prompts[row])]);
        AssertEqual([.. order.Select(row => alone[row])], shuffled, "batch size 16, another order");
        AssertEqual([.. alone.Take(5)], generator.Generate(prompts[..5]), "asked again, a part");
    }

    /// <summary>
    /// What is the same whatever the number of rows: in float32 a token's probability, but for the last bits. Products
    /// of prompts of a few rows are added up in another order than those of many (docs/design.md).
    /// </summary>
    [TestMethod]
    [DataRow("llama")]
    [DataRow("gemma3")]
    [DataRow("bart")]
    [DataRow("t5")]
    public void Generate_OfSeveralNumbersOfRows_GivesTokensTheSameProbabilities(string folder)
    {
        using var bench = new Bench(folder);
        GenerationPrompt[] prompts = bench.Prompts(16);
        GenerationRules rules = Rules("sampling", bench.Model) with { SequenceCount = 1 };
        GeneratedSequence[][] alone = bench.Generate(rules with { BatchSize = 1 }, prompts);
        foreach (int rows in (int[])[2, 7, 16])
        {
            GeneratedSequence[][] together = bench.Generate(rules with { BatchSize = rows }, prompts);
            for (int row = 0; row < prompts.Length; row++)
            {
                CollectionAssert.AreEqual(alone[row][0].Ids, together[row][0].Ids, $"{rows} rows, row {row}");
                Assert.AreEqual(alone[row][0].Score, together[row][0].Score, 2e-4, $"{rows} rows, row {row}");
            }
        }
    }

    [TestMethod]
    public void Generate_AfterACancelledCall_StartsAfresh()
    {
        using var bench = new Bench("llama");
        GenerationPrompt[] prompts = bench.Prompts(8);
        using var generator = new BatchWriter(bench.Model, Rules("greedy", bench.Model));
        IReadOnlyList<GeneratedSequence[]> expected = generator.Generate(prompts);
        int calls = 0;

        Assert.ThrowsExactly<OperationCanceledException>(() =>
            generator.Generate(prompts, () => { if (++calls == 5) throw new OperationCanceledException(); }));

        Assert.AreEqual(5, calls);
        AssertEqual(expected, generator.Generate(prompts), "after a cancelled call");
    }

    [TestMethod]
    public void Generate_OfAnEmptyPrompt_NamesIt()
    {
        using var bench = new Bench("llama");
        using var generator = new BatchWriter(bench.Model, Rules("greedy", bench.Model));

        var error = Assert.ThrowsExactly<ArgumentException>(() =>
            generator.Generate([new GenerationPrompt([5], null), new GenerationPrompt([], null)]));

        Assert.StartsWith("Prompt 1: expected at least one token, found none.", error.Message);
    }

    [TestMethod]
    [DataRow("llama")]
    [DataRow("bart")]
    public void Generate_OfAThousandRows_LeavesNoTensorBehind(string folder)
    {
        using var bench = new Bench(folder);
        GenerationPrompt[] prompts = bench.Prompts(RowCount);
        using var generator = new BatchWriter(bench.Model, Rules("greedy", bench.Model) with { MaxNewTokens = 4 });
        generator.Generate(prompts);
        long before = OwnTensors.Live;

        for (int rows = 0; rows < 1000; rows += RowCount)
        {
            int left = rows == 512 ? 2 : int.MaxValue;   // one call fails on the way
            try
            {
                generator.Generate(prompts, () => { if (--left == 0) throw new OperationCanceledException(); });
            }
            catch (OperationCanceledException)
            {
            }
        }

        Assert.AreEqual(before, OwnTensors.Live);
    }

    [TestMethod]
    public void Generate_AtTheContextWindow_Stops()
    {
        using var bench = new Bench("llama");
        int window = bench.Model.Spec.ContextLength;
        int[] source = [.. Enumerable.Repeat(5, window - 3)];
        using var generator = new BatchWriter(bench.Model, new GenerationRules { MaxNewTokens = 50 });

        GeneratedSequence found = generator.Generate([new GenerationPrompt(source, null)])[0][0];

        Assert.HasCount(3, found.Ids);
        Assert.IsFalse(found.IsFinished);
    }

    [TestMethod]
    public void Generate_WithSuppressedAndBannedIds_NeverProducesThem()
    {
        using var bench = new Bench("llama");
        GenerationPrompt[] prompts = bench.Prompts(8);
        GenerationRules rules = Rules("greedy", bench.Model);
        HashSet<int> usual = [.. bench.Generate(rules, prompts).SelectMany(row => row[0].Ids)];
        int[] ends = [.. bench.Model.Spec.Tokens.Ends];
        int[] unwanted = [.. usual.Except(ends)];

        int[] suppressed =
            [.. bench.Generate(rules with { SuppressedIds = unwanted }, prompts).SelectMany(row => row[0].Ids)];
        int[] banned = [.. bench.Generate(rules with { BannedSequences = [.. unwanted.Select(id => (int[])[id])] },
            prompts).SelectMany(row => row[0].Ids)];

        Assert.IsEmpty(suppressed.Intersect(unwanted));
        CollectionAssert.AreEqual(suppressed, banned);
    }

    private static GenerationRules Rules(string decoding, LanguageModel model)
    {
        var plain = new GenerationRules { MaxNewTokens = 12, EndIds = model.Spec.Tokens.Ends };
        return decoding switch
        {
            "greedy" => plain,
            "rules" => plain with { RepetitionPenalty = 1.2, NoRepeatNGramSize = 2, MinNewTokens = 4 },
            "beam" => plain with { Decoding = Decoding.Beam(3, 0.8), SequenceCount = 2 },
            _ => plain with { Decoding = Decoding.Sampling(0.9, topK: 20, topP: 0.9, seed: 7), SequenceCount = 2 },
        };
    }

    private static void AssertEqual(IReadOnlyList<GeneratedSequence[]> expected,
        IReadOnlyList<GeneratedSequence[]> found, string what)
    {
        Assert.HasCount(expected.Count, found);
        for (int row = 0; row < expected.Count; row++)
        {
            Assert.HasCount(expected[row].Length, found[row]);
            for (int sequence = 0; sequence < expected[row].Length; sequence++)
                CollectionAssert.AreEqual(expected[row][sequence].Ids, found[row][sequence].Ids,
                    $"{what}: row {row}, sequence {sequence}, scores {expected[row][sequence].Score} and"
                        + $" {found[row][sequence].Score}");
        }
    }

    /// <summary>A golden base with prefixes of several lengths and conventions.</summary>
    private sealed class Bench : IDisposable
    {
        private readonly FamilyCase _golden;
        private readonly FrozenBase _frozen;
        private readonly PrefixTensors?[] _prefixes;

        public Bench(string folder)
        {
            _golden = FamilyCase.Open(folder);
            _frozen = _golden.LoadBase();
            _prefixes = [null, .. Conventions()
                .Select((convention, i) => PrefixTensors.Make(Random(2 + 3 * i, convention), Model))];
        }

        public LanguageModel Model => _frozen.Model;

        /// <summary>Rows of 3 to 30 tokens; each with one of the prefixes or none.</summary>
        public GenerationPrompt[] Prompts(int count)
        {
            var random = new Random(5);
            return [.. Enumerable.Range(0, count).Select(row => new GenerationPrompt(
                [.. Enumerable.Range(0, 3 + random.Next(28)).Select(_ => 3 + random.Next(390))],
                    _prefixes[row % _prefixes.Length]))];
        }

        public GeneratedSequence[][] Generate(GenerationRules rules, GenerationPrompt[] prompts)
        {
            using var generator = new BatchWriter(Model, rules);
            return [.. generator.Generate(prompts)];
        }

        public void Dispose()
        {
            foreach (PrefixTensors? prefix in _prefixes)
                prefix?.Dispose();
            _frozen.Dispose();
            _golden.Dispose();
        }

        private PrefixConvention[] Conventions() => Model.Spec.IsEncoderDecoder
            ? [PrefixConvention.EncoderDecoder, PrefixConvention.Peft]
            : [PrefixConvention.DecoderOnly, PrefixConvention.Peft, PrefixConvention.Infix,
                PrefixConvention.InfixBeforeLastToken];

        private Prefix Random(int length, PrefixConvention convention)
        {
            AttentionSite[] sites = convention == PrefixConvention.EncoderDecoder ? Enum.GetValues<AttentionSite>()
                : [AttentionSite.Decoder];
            var random = new Random(length);
            return new Prefix([.. sites.Select(site => new KeyValuePair<AttentionSite, SitePrefix>(site, Part(site)))],
                convention);

            SitePrefix Part(AttentionSite site)
            {
                StackSpec stack = Model.Spec.StackOf(site);
                int count = stack.Layers * 2 * stack.Heads.KeyValueCount * length * stack.Heads.Size;
                return new SitePrefix(stack.Layers, stack.Heads.KeyValueCount, length, stack.Heads.Size,
                    [.. Enumerable.Range(0, count).Select(_ => (float)random.NextDouble() * 2 - 1)]);
            }
        }
    }
}
