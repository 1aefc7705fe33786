using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Parity;
using Microsoft.ML.PrefixTuning.Tests.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Generation;

/// <summary>Rows side by side and one after the other: long ones, and ones whose numbers leave their range.</summary>
[TestClass]
public sealed class ReadingTests
{
    private const float Huge = 3e38f;
    private const string LongTests = "PREFIX_TUNING_LONG_TESTS";

    [TestMethod]
    [DataRow(1, 20_000, 0, 4)]
    [DataRow(1, 70_000, 30, 8)]
    [DataRow(1, 131_072, 0, 1)]
    [DataRow(16, 100, 50_000, 4)]
    public void Tokens_OfLongRows_KeepsAMaskSmall(int rows, int longest, int prefix, int group)
    {
        int tokens = ReadingPass.Tokens(rows, longest, prefix, group);
        Assert.IsGreaterThan(0, tokens);
        Assert.IsLessThanOrEqualTo(1L << 25, (long)rows * group * tokens * (prefix + longest));
        Assert.IsLessThanOrEqualTo(2048, rows * tokens);
    }

    [TestMethod]
    public void Tokens_OfShortRows_ReadsThemAtOnce() => Assert.AreEqual(128, ReadingPass.Tokens(16, 128, 200, 4));

    [TestMethod]
    [DataRow(4033, 64)]
    [DataRow(2000, 64)]
    [DataRow(257, 64)]
    [DataRow(2049, 2048)]
    [DataRow(7, 1)]
    public void Next_OfALongRow_LeavesNoSmallPart(int length, int piece)
    {
        int most = ReadingPass.Tokens(1, length, 0, 1, piece);
        var parts = new List<int>();
        for (int left = length; left > 0; left -= parts[^1])
            parts.Add(ReadingPass.Next(left, most));
        Assert.AreEqual(length, parts.Sum());
        Assert.HasCount((length + piece - 1) / piece, parts);
        Assert.IsLessThanOrEqualTo(piece, parts.Max());
        Assert.IsGreaterThanOrEqualTo(most - 1, parts.Min());
    }

    [TestMethod]
    [DataRow(1, 4)]
    [DataRow(64, 256)]
    [DataRow(600, 2048)]
    [DataRow(3000, 3000)]
    [DataRow(int.MaxValue, int.MaxValue)]
    public void TokensBeside_OfAPiece_AreFourOfItUpToAPass(int piece, int expected) =>
        Assert.AreEqual(expected, ReadingPass.TokensBeside(piece));

    [TestMethod]
    [DataRow("Front")]
    [DataRow("AfterSource")]
    [DataRow("BeforeLastSourceToken")]
    public void Generate_OfAPromptReadInParts_WritesWhatOnePassSays(string placement)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using LanguageModel tiny = TinyTraining.Model();
        using var model = new LanguageModel(tiny.Spec with { ContextLength = 8192 }, tiny.Weights);
        int[] prompt = [.. Enumerable.Range(0, 2500).Select(i => 3 + i * 7 % 37)];
        PrefixConvention convention = PrefixConvention.DecoderOnly with
        {
            Placement = Enum.Parse<PrefixPlacement>(placement),
        };
        Prefix prefix = new(TinyTraining.Start(model, PrefixStart.Random(1), 6).Parts, convention);
        using PrefixTensors tensors = PrefixTensors.Make(prefix, model);
        using var writer = new BatchWriter(model, new GenerationRules { MaxNewTokens = 1 });

        int written = writer.Generate([new GenerationPrompt(prompt, tensors)])[0][0].Ids[0];

        Assert.IsLessThan(prompt.Length, ReadingPass.Tokens(1, prompt.Length, 6, tiny.Spec.Decoder.Heads.Group));
        Tensor logits = LogitsTests.RunWith(model, [prompt], tensors.Sites);
        Assert.AreEqual(logits[0, prompt.Length - 1].argmax().item<long>(), written);
    }

    /// <summary>
    /// Where all tokens of a prompt are equal, so are all values that attention mixes: whatever the length, the model
    /// says what it says behind one of them. Beyond 46,340 tokens the square of the length leaves 32 bits.
    /// </summary>
    [TestMethod]
    [DataRow(46_400)]
    [DataRow(66_000)]
    public void Generate_OfAPromptOfEqualTokens_WritesWhatIsWrittenBehindOne(int length)
    {
        if (Environment.GetEnvironmentVariable(LongTests) is null)
            Assert.Inconclusive($"Takes minutes; it runs where the environment has {LongTests}.");
        using var noGradient = no_grad();
        using LanguageModel tiny = TinyTraining.Model();
        using var model = new LanguageModel(tiny.Spec with { ContextLength = 1 << 17 }, tiny.Weights);
        using var writer = new BatchWriter(model, new GenerationRules { MaxNewTokens = 1 });
        int token = writer.Generate([new GenerationPrompt([7], null)])[0][0].Ids[0];
        Assert.AreEqual(token, writer.Generate([new GenerationPrompt([.. Enumerable.Repeat(7, length)], null)])[0][0]
            .Ids[0]);
    }

    [TestMethod]
    public void Generate_AtTheLowestTemperature_IsGreedy()
    {
        using LanguageModel model = TinyTraining.Model();
        GenerationPrompt[] prompts = [.. Enumerable.Range(3, 8).Select(i => new GenerationPrompt([i, i + 9], null))];
        var greedy = new GenerationRules { MaxNewTokens = 16 };
        GenerationRules cold = greedy with { Decoding = Decoding.Sampling(temperature: 1e-3, seed: 5) };
        AssertEqual(Together(model, greedy, prompts), Together(model, cold, prompts));
    }

    [TestMethod]
    public void Generate_AtTheHighestTemperature_DrawsEveryTokenAlike()
    {
        const int Tokens = 200;
        using LanguageModel model = TinyTraining.Model();
        var hot = new GenerationRules
        {
            MaxNewTokens = Tokens,
            Decoding = Decoding.Sampling(temperature: 1e3, seed: 5),
        };
        GeneratedSequence[][] written =
            Together(model, hot, [.. Enumerable.Range(3, 8).Select(i => new GenerationPrompt([i], null))]);
        int[] ids = [.. written.SelectMany(row => row[0].Ids)];
        Assert.HasCount(8 * Tokens, ids);
        foreach (GeneratedSequence[] row in written)
            Assert.AreEqual(-Math.Log(TinyTraining.Vocabulary), row[0].Score / Tokens, 0.02);
        // 40 times each is expected; 6 standard deviations to either side.
        int[] counts = [.. Enumerable.Range(0, TinyTraining.Vocabulary).Select(id => ids.Count(other => other == id))];
        Assert.IsTrue(counts.All(count => count is > 2 and < 78), string.Join(' ', counts));
    }

    [TestMethod]
    public void Generate_WithoutMemory_NamesTheLongestRow()
    {
        using LanguageModel model = TinyTraining.Model();
        using var writer = new BatchWriter(model, new GenerationRules { MaxNewTokens = 4 });
        GenerationPrompt[] prompts = [new([3], null), new([3, 4, 5], null), new([3, 4], null)];
        var fault = Assert.ThrowsExactly<PromptMemoryException>(() =>
            writer.Generate(prompts, () => zeros(1L << 50).Dispose()));
        Assert.AreEqual(1, fault.Row);
        Assert.IsTrue(MemoryFault.Is(fault.InnerException!));
        Assert.DoesNotContain("\n", MemoryFault.Reason(fault.InnerException!));
    }

    [TestMethod]
    public void Open_AfterALongRow_GivesItsColumnsBack()
    {
        using var block = new KeyValueBlock(1, new HeadShape(2, 1, 4), ScalarType.Float32, CPU);
        block.Open(2, 100);
        block.Ensure(5000);
        block.Open(2, 4000);
        Assert.IsGreaterThanOrEqualTo(5000, block.Columns, "they are needed again");
        block.Open(2, 100);
        block.Ensure(100);
        Assert.IsLessThan(300, block.Columns);
        Assert.AreEqual(2, block.Lanes);
    }

    [TestMethod]
    public void Ensure_OfMoreThanIsFree_IsRefusedBeforeItIsAskedFor()
    {
        using var block = new KeyValueBlock(1, new HeadShape(2, 1, 4), ScalarType.Float32, CPU)
        {
            FreeMemory = () => 1L << 29,
        };
        block.Open(1 << 17, 64);
        block.Ensure(8);
        int columns = block.Columns;
        var fault = Assert.ThrowsExactly<InsufficientMemoryException>(() => block.Ensure(1_000, 1 << 17));
        Assert.AreEqual("the key/value cache of 131072000 tokens needs 4.19 GB of the 0.54 GB that are free",
            fault.Message);
        Assert.IsTrue(MemoryFault.Is(fault));
        Assert.AreEqual(columns, block.Columns);
    }

    [TestMethod]
    public void Ensure_WhereOneLaneOfManyIsLong_AsksForWhatItHolds()
    {
        const int Lanes = 1 << 12, Columns = 2_200;
        using var scope = NewDisposeScope();
        using var block = new KeyValueBlock(1, new HeadShape(2, 1, 4), ScalarType.Float32, CPU)
        {
            FreeMemory = () => 1L << 28,
        };
        block.Open(Lanes, 64);
        // All lanes together would need 288 MB.
        block.Ensure(Columns, 1);
        block.Fill(7, ones([1, 2, 1, Columns, 4]));
        block.Ensure(Columns + 1);
        Assert.AreEqual(Columns * 4, block.Read(new LaneRange(7, 1, 1), Columns)[0].sum().item<float>());
        Assert.ThrowsExactly<InsufficientMemoryException>(() => block.Ensure(2 * Columns, Lanes - 1));
    }

    [TestMethod]
    public void Read_WhereALaneHoldsNothing_FindsZeros()
    {
        using var scope = NewDisposeScope();
        using KeyValueBlock block = Poisoned(lanes: 3, columns: 9);
        block.Clear(0, 3);
        block.Fill(1, ones([1, 2, 1, 4, 4]));
        Tensor keys = block.Read(new LaneRange(0, 3, 1), 9)[0];                                        // [3, 1, 9, 4]
        Assert.AreEqual(4 * 4, keys.sum().item<float>());
        Assert.AreEqual(4 * 4, keys[1, 0].narrow(0, 0, 4).sum().item<float>());
    }

    [TestMethod]
    public void CopyLanes_OntoALongerOne_LeavesNothingOfIt()
    {
        using var scope = NewDisposeScope();
        using KeyValueBlock block = Poisoned(lanes: 2, columns: 9);
        block.Clear(0, 1);
        block.Fill(0, ones([1, 2, 1, 4, 4]));
        block.CopyLanes([0], [1], first: 0);
        Assert.AreEqual(4 * 4, block.Read(new LaneRange(1, 1, 1), 9)[1].sum().item<float>());
    }

    /// <summary>Of so many columns that layers are copied one by one, and of so few that all are at once.</summary>
    [TestMethod]
    [DataRow(20_000)]
    [DataRow(5)]
    public void CopyLanes_OfSeveralLayers_CopiesAllOfThem(int columns)
    {
        using var scope = NewDisposeScope();
        using var block = new KeyValueBlock(3, new HeadShape(2, 2, 8), ScalarType.Float32, CPU);
        block.Ensure(3, columns, long.MaxValue);
        int count = 3 * 2 * 2 * columns * 8;
        Tensor numbers = arange(count + 3, ScalarType.Float32);
        Tensor[] rows = [.. Enumerable.Range(0, 3)
            .Select(lane => numbers.narrow(0, lane, count).view(3, 2, 2, columns, 8))];
        for (int lane = 0; lane < 3; lane++)
            block.Fill(lane, rows[lane]);
        block.CopyLanes([2, 0], [0, 1], first: 1);
        foreach ((int lane, int from) in ((int, int)[])[(0, 2), (1, 0), (2, 2)])
        {
            Tensor[] found = block.Read(new LaneRange(lane, 1, 1), columns);
            for (int half = 0; half < found.Length; half++)
            {
                Tensor expected = rows[from].flatten(0, 1)[half].narrow(1, 1, columns - 1);
                Assert.IsTrue(found[half][0].narrow(1, 1, columns - 1).equal(expected).all().ToBoolean(),
                    $"lane {lane}, half {half}");
            }
        }
    }

    [TestMethod]
    public void Resize_OfABlock_KeepsWhatItsLanesHold()
    {
        using var scope = NewDisposeScope();
        using var block = new KeyValueBlock(1, new HeadShape(2, 1, 4), ScalarType.Float32, CPU);
        block.Ensure(2, 6, long.MaxValue);
        block.Fill(0, ones([1, 2, 1, 3, 4]));
        block.Fill(1, full([1, 2, 1, 6, 4], 2));
        block.Resize(3, 200);
        Tensor keys = block.Read(new LaneRange(0, 3, 1), 200)[0];
        Assert.AreEqual(3 * 4 + 2 * 6 * 4, keys.sum().item<float>());
        block.Resize(1, 2);
        Assert.AreEqual(2 * 4, block.Read(new LaneRange(0, 1, 1), 2)[0].sum().item<float>());
    }

    /// <summary>A block full of NaN.</summary>
    private static KeyValueBlock Poisoned(int lanes, int columns)
    {
        var block = new KeyValueBlock(1, new HeadShape(2, 1, 4), ScalarType.Float32, CPU);
        block.Ensure(lanes, columns, long.MaxValue);
        for (int lane = 0; lane < lanes; lane++)
            block.Fill(lane, full([1, 2, 1, columns, 4], float.NaN));
        return block;
    }

    [TestMethod]
    [DataRow("gpt2")]
    [DataRow("opt")]
    public void Generate_OfPrefixesOfSeveralLengths_StaysWithinLearnedPositions(string folder)
    {
        using FamilyCase golden = FamilyCase.Open(folder);
        using FrozenBase frozen = golden.LoadBase();
        LanguageModel model = frozen.Model;
        int window = model.Spec.ContextLength;
        using PrefixTensors longer = PrefixTensors.Make(Random(model, 9, scale: 1), model);
        using PrefixTensors shorter = PrefixTensors.Make(Random(model, 2, scale: 1), model);
        GenerationPrompt[] prompts =
        [
            new([.. Enumerable.Repeat(7, window - 3)], null),
            new([5, 6], longer),
            new([.. Enumerable.Repeat(8, window - 5)], shorter),
        ];
        var rules = new GenerationRules { MaxNewTokens = 3, BatchSize = 3 };
        AssertEqual(Alone(model, rules, prompts), Together(model, rules, prompts));
    }

    /// <summary>A prefix and a prompt that fill the cache's columns, beside a longer prompt without a prefix.</summary>
    [TestMethod]
    public void Generate_OfARowThatEndsWithTheCache_LosesNoTokenToItsPadding()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using LanguageModel model = TinyTraining.Model();
        using PrefixTensors prefix =
            PrefixTensors.Make(TinyTraining.Start(model, PrefixStart.Random(1), length: 60), model);
        GenerationPrompt[] prompts =
            [new([5, 9, 6, 11], prefix), new([.. Enumerable.Range(3, 30)], null), new([8, 7, 30, 4], prefix)];
        var rules = new GenerationRules { MaxNewTokens = 6, BatchSize = 3 };
        AssertEqual(Alone(model, rules, prompts), Together(model, rules, prompts));
    }

    [TestMethod]
    [DataRow("llama", "greedy")]
    [DataRow("llama", "beam")]
    [DataRow("gemma3", "greedy")]
    [DataRow("t5", "greedy")]
    [DataRow("bart", "beam")]
    public void Generate_BesideAndAfterARowOutOfRange_WritesWhatRowsWriteAlone(string folder, string decoding)
    {
        using FamilyCase golden = FamilyCase.Open(folder);
        using FrozenBase frozen = golden.LoadBase();
        LanguageModel model = frozen.Model;
        var rules = new GenerationRules
        {
            MaxNewTokens = 6,
            BatchSize = 4,
            Decoding = decoding == "beam" ? Decoding.Beam(2) : Decoding.Greedy,
        };
        using PrefixTensors wild = PrefixTensors.Make(Random(model, 24, Huge), model);
        using PrefixTensors mild = PrefixTensors.Make(Random(model, 2, scale: 1), model);
        GenerationPrompt[] usual = [.. Enumerable.Range(0, 6).Select(i =>
            new GenerationPrompt([.. Enumerable.Range(3, 2 + i)], i % 2 == 0 ? mild : null))];
        GenerationPrompt[] mixed = [new([.. Enumerable.Range(3, 20)], wild), .. usual, new([9, 8], wild)];
        GeneratedSequence[][] alone = Alone(model, rules, usual);
        using var loop = new DecodingLoop(model, rules.Lanes);

        AssertEqual(alone, Write(mixed)[1..^1]);
        AssertEqual(alone, Write(usual));

        // Rows out of range may fail, by themselves.
        GeneratedSequence[][] Write(GenerationPrompt[] prompts)
        {
            using var inference = inference_mode();
            var constraints = new TokenConstraints(rules);
            ActiveRow[] rows = [.. prompts.Select((prompt, index) =>
                new ActiveRow(index, prompt, rules, constraints, model.Spec))];
            var waiting = new Queue<ActiveRow>(rows);
            loop.Open(new DecodingLimits(rules.BatchSize), rows);
            while (waiting.Count > 0 || loop.Count > 0)
            {
                loop.Advance(waiting);
                loop.TakeOut(row => row.IsOver);
            }
            Assert.IsTrue(rows.All(row => row.Fault is null || row.Prompt.Prefix == wild));
            return Array.ConvertAll(rows, row => row.Fault is null ? row.Search.Results() : []);
        }
    }

    private static GeneratedSequence[][] Alone(LanguageModel model, GenerationRules rules,
        GenerationPrompt[] prompts) =>
        [.. prompts.Select(prompt => Together(model, rules, [prompt])[0])];

    private static GeneratedSequence[][] Together(LanguageModel model, GenerationRules rules,
        GenerationPrompt[] prompts)
    {
        using var writer = new BatchWriter(model, rules);
        return [.. writer.Generate(prompts)];
    }

    private static void AssertEqual(GeneratedSequence[][] expected, GeneratedSequence[][] found)
    {
        Assert.HasCount(expected.Length, found);
        for (int row = 0; row < expected.Length; row++)
            CollectionAssert.AreEqual(expected[row][0].Ids, found[row][0].Ids, $"row {row}");
    }

    private static Prefix Random(LanguageModel model, int length, float scale)
    {
        AttentionSite[] sites =
            model.Spec.IsEncoderDecoder ? Enum.GetValues<AttentionSite>() : [AttentionSite.Decoder];
        var random = new Random(length);
        return new Prefix(sites.Select(site =>
        {
            SiteShape shape = SiteShape.Of(model.Spec, site, length);
            float[] values = [.. Enumerable.Range(0, (int)shape.Count)
                .Select(_ => (float)((random.NextDouble() * 2 - 1) * scale))];
            return KeyValuePair.Create(site, shape.With(values));
        }), model.Spec.IsEncoderDecoder ? PrefixConvention.EncoderDecoder : PrefixConvention.DecoderOnly);
    }
}
