using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static Microsoft.ML.PrefixTuning.Tests.Models.TestTensors;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Generation;

/// <summary>Prefixes that rows read where they lie, against rows that hold a copy each.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class SharedPrefixTests
{
    private static readonly GenerationRules Greedy = new() { MaxNewTokens = 12, MinNewTokens = 12, EndIds = [2] };
    private static readonly GenerationRules Beams = Greedy with { Decoding = Decoding.Beam(3), SequenceCount = 2 };

    [TestMethod]
    [DataRow(2, 3, 16, nameof(ScalarType.Float32))]
    [DataRow(1, 2, 6, nameof(ScalarType.Float32))]
    [DataRow(2, 2, 20, nameof(ScalarType.BFloat16))]
    public void Mix_BehindSharedPrefixes_HasTheBitsOfColumnsOfItsOwn(int groups, int group, int size, string name)
    {
        const int Layers = 2, Layer = 1;
        using var scope = new TensorScope();
        ScalarType type = Enum.Parse<ScalarType>(name);
        StackSpec stack = Stack(Layers, new HeadShape(groups * group, groups, size));
        Tensor longer = Columns(1, 19), shorter = Columns(2, 3);
        Tensor?[] prefixes = [longer, longer, shorter, null, longer];
        int[] held = [4, 7, 5, 9, 1];
        int[] firsts = [.. prefixes.Zip(held, (prefix, count) => (int)(prefix?.size(3) ?? 0) + count)];
        int rows = held.Length, columns = firsts.Max() + 1;
        using var own = new KeyValueCache(stack, type, CPU);
        using var shared = new KeyValueCache(stack, type, CPU);
        foreach (KeyValueCache cache in (KeyValueCache[])[own, shared])
        {
            cache.Block.Open(rows, columns);
            cache.Block.Ensure(columns);
        }
        for (int lane = 0; lane < rows; lane++)
        {
            Tensor content = Columns(10 + lane, held[lane]);
            shared.Block.Fill(lane, content);
            own.Block.Fill(lane, prefixes[lane] is { } prefix ? cat([prefix, content], 3) : content);
        }
        Tensor queries = Normal(3, rows, 1, groups * group, size), mask = Normal(4, rows, groups, group, columns);
        Tensor keys = Normal(5, rows, 1, groups, size), values = Normal(6, rows, 1, groups, size);

        AreSame(Mixed(own, null), Mixed(shared, prefixes));
        (Tensor ownKeys, Tensor ownValues) = Appended(own, null);
        (Tensor sharedKeys, Tensor sharedValues) = Appended(shared, prefixes);
        AreSame(ownKeys, sharedKeys);
        AreSame(ownValues, sharedValues);

        Tensor Columns(int seed, int count) => Normal(seed, Layers, 2, groups, count, size).to(type);

        Tensor Mixed(KeyValueCache cache, Tensor?[]? inFront)
        {
            var pass = new AttentionPass(AttentionSite.Decoder, Layer, stack, null!, null, new AttentionMask(mask),
                cache);
            cache.Begin(new LaneRange(0, rows, 1), firsts, 1, columns, inFront);
            return TokenAttention.Mix(queries,
                cache.AppendToken(AttentionSite.Decoder, Layer, keys, values)!.Value, pass);
        }

        (Tensor, Tensor) Appended(KeyValueCache cache, Tensor?[]? inFront)
        {
            cache.Begin(new LaneRange(0, rows, 1), firsts, 2, columns + 1, inFront);
            return cache.Append(AttentionSite.Decoder, Layer, Normal(7, rows, groups, 2, size).to(type),
                Normal(8, rows, groups, 2, size).to(type));
        }
    }

    /// <summary>Plain, windowed, both windows, learned positions, a bias of positions beside an encoder.</summary>
    [TestMethod]
    [DataRow("llama", nameof(ScalarType.Float32))]
    [DataRow("mistral-window", nameof(ScalarType.Float32))]
    [DataRow("gemma3", nameof(ScalarType.Float32))]
    [DataRow("gpt2", nameof(ScalarType.Float32))]
    [DataRow("t5", nameof(ScalarType.Float32))]
    [DataRow("llama", nameof(ScalarType.BFloat16))]
    public void Logits_BehindSharedPrefixes_HaveTheBitsOfColumnsOfTheirOwn(string shape, string type) =>
        GoldenLogits.With(new GoldenLogits(shape).Read(), model =>
        {
            using PrefixTensors longer = PrefixTensors.Make(Random(model, 9), model);
            using PrefixTensors shorter = PrefixTensors.Make(Random(model, 2), model);
            PrefixTensors?[] prefixes = [longer, longer, null, shorter, longer];
            AreSame(Logits(model, prefixes, shares: false), Logits(model, prefixes, shares: true));
            return true;
        }, Enum.Parse<ScalarType>(type));

    /// <summary>A prompt of one token, read as longer ones are.</summary>
    [TestMethod]
    public void Append_OfOneTokenInAFreshLane_GivesItBackInEveryLayer()
    {
        const int Layers = 2;
        using var scope = new TensorScope();
        using var cache = new KeyValueCache(Stack(Layers, new HeadShape(2, 1, 4)), ScalarType.Float32, CPU);
        cache.Block.Open(1, 8);
        cache.Block.Ensure(1);
        cache.Block.Clear(0, 1);
        Tensor keys = Normal(1, 1, 1, 1, 4), values = Normal(2, 1, 1, 1, 4);
        cache.Begin(new LaneRange(0, 1, 1), [0], 1, 1);
        for (int layer = 0; layer < Layers; layer++)
        {
            (Tensor foundKeys, Tensor foundValues) = cache.Append(AttentionSite.Decoder, layer, keys, values);
            AreSame(keys, foundKeys);
            AreSame(values, foundValues);
        }
    }

    [TestMethod]
    public void Begin_WithAPrefixOfAnotherType_SaysSo()
    {
        using var scope = new TensorScope();
        using var cache = new KeyValueCache(Stack(1, new HeadShape(2, 1, 4)), ScalarType.Float32, CPU);
        cache.Block.Open(1, 8);
        var fault = Assert.ThrowsExactly<ArgumentException>(() => cache.Begin(new LaneRange(0, 1, 1), [3], 1, 4,
            [zeros([1, 2, 1, 3, 4], ScalarType.BFloat16)]));
        Assert.AreEqual("Key/value cache: expected contiguous Float32 on CPU, found BFloat16 on CPU.", fault.Message);
    }

    /// <summary>More rows than lanes, of two prefixes or none, some with beams: they come, go and are moved.</summary>
    [TestMethod]
    public void Advance_OfRowsOfSeveralPrefixes_WritesWhatRowsWithACopyWriteAlone()
    {
        using FrozenBase frozen = FrozenBase.Load(TinyBase.Folder("llama"), ScalarType.Float32, CPU);
        LanguageModel model = frozen.Model;
        using PrefixTensors longer = PrefixTensors.Make(Random(model, 9), model);
        using PrefixTensors shorter = PrefixTensors.Make(Random(model, 2), model);
        using PrefixTensors memory = PrefixTensors.Make(Memories.Random(model.Spec, 1, 0.3), model);
        PrefixTensors?[] prefixes = [longer, shorter, memory, null];
        Kind[] kinds = [.. Enumerable.Range(0, 18).Select(i =>
            new Kind(i % 4 == 1 ? Beams : Greedy with { MaxNewTokens = 12 + i }, i % 7 == 3 ? 50 + i : 5 + i,
                prefixes[i % 4]))];

        ActiveRow[] together = Write(model, new(7) { PassTokens = 48, PieceTokens = 16, IsOpen = true }, kinds);

        // Every prompt takes several passes.
        var pieces = new DecodingLimits(3) { PassTokens = 4, PieceTokens = 4, IsOpen = true };
        for (int i = 0; i < kinds.Length; i++)
        {
            Assert.AreEqual(kinds[i].Length > 48, together[i].HoldsPrefix, $"{kinds[i].Length} tokens");
            ActiveRow alone = Write(model, pieces, kinds[i])[0];
            Assert.IsTrue(alone.HoldsPrefix);
            GeneratedSequence[] wanted = alone.Search.Results(), found = together[i].Search.Results();
            Assert.HasCount(wanted.Length, found);
            for (int rank = 0; rank < wanted.Length; rank++)
                CollectionAssert.AreEqual(wanted[rank].Ids, found[rank].Ids, $"row {i}, sequence {rank}");
        }
    }

    /// <summary>Rows that are read one by one, and written side by side.</summary>
    [TestMethod]
    public void Advance_OfRowsOfSeveralPrefixes_GivesTheSameBitsInAnyCompany()
    {
        using FrozenBase frozen = FrozenBase.Load(TinyBase.Folder("llama"), ScalarType.Float32, CPU);
        LanguageModel model = frozen.Model;
        using PrefixTensors longer = PrefixTensors.Make(Random(model, 9), model);
        using PrefixTensors shorter = PrefixTensors.Make(Random(model, 2), model);
        using PrefixTensors memory = PrefixTensors.Make(Memories.Random(model.Spec, 1, 0.3), model);
        using PrefixTensors other = PrefixTensors.Make(Memories.Random(model.Spec, 2, 0.3), model);
        PrefixTensors?[] prefixes = [longer, shorter, memory, longer, null, memory, other];
        Kind[] kinds = [.. Enumerable.Range(0, 8).Select(i => new Kind(Greedy, 9 + i, prefixes[i % 7]))];
        // No two of them fit into a pass.
        var limits = new DecodingLimits(8) { PassTokens = 17, PieceTokens = 17, IsOpen = true };
        double[] alone = [.. kinds.Select(kind => Write(model, limits with { Lanes = 1 }, kind)[0].Search.Results()[0]
            .Score)];
        CollectionAssert.AreEqual(alone,
            Write(model, limits, kinds).Select(row => row.Search.Results()[0].Score).ToArray());
    }

    [TestMethod]
    public void Advance_OfSixteenRowsOfAPrefix_KeepsNoColumnsForIt()
    {
        const int Rows = 16, Length = 200;
        using FrozenBase frozen = FrozenBase.Load(TinyBase.Folder("llama"), ScalarType.Float32, CPU);
        using PrefixTensors prefix = PrefixTensors.Make(Random(frozen.Model, Length), frozen.Model);
        using var inference = inference_mode();
        using var loop = new DecodingLoop(frozen.Model, Rows);
        loop.Open(new DecodingLimits(Rows) { IsOpen = true }, []);
        ActiveRow[] rows = [.. Enumerable.Range(0, Rows).Select(i => new Kind(Greedy, 5, prefix).Row(frozen.Model, i))];
        var waiting = new Queue<ActiveRow>(rows);
        while (rows.Any(row => row.NewTokens < 2 && !row.IsOver))
            loop.Advance(waiting);
        Assert.IsTrue(rows.All(row => row.NewTokens >= 2));
        Assert.AreEqual(Rows, loop.Count);
        Assert.IsLessThan((long)Rows * Length, loop.CachedTokens);
    }

    private static StackSpec Stack(int layers, HeadShape heads) => new()
    {
        Layers = layers,
        Heads = heads,
        Norm = new NormSpec(NormKind.Layer, 1e-5),
        Residual = Residual.NormFirst,
        FeedForward = new FeedForwardSpec(Activation.Silu, 16, Gated: true),
        Positions = new LearnedPositions(64),
    };

    private static Prefix Random(LanguageModel model, int length)
    {
        AttentionSite[] sites =
            model.Spec.IsEncoderDecoder ? Enum.GetValues<AttentionSite>() : [AttentionSite.Decoder];
        var random = new Random(length);
        return new Prefix(sites.Select(site =>
        {
            SiteShape shape = SiteShape.Of(model.Spec, site, length);
            float[] values = [.. Enumerable.Range(0, (int)shape.Count).Select(_ => random.NextSingle() * 2 - 1)];
            return KeyValuePair.Create(site, shape.With(values));
        }), Convention(model));
    }

    private static PrefixConvention Convention(LanguageModel model) =>
        model.Spec.IsEncoderDecoder ? PrefixConvention.EncoderDecoder : PrefixConvention.DecoderOnly;

    /// <summary>The logits behind the last of some tokens, which go through the base one by one, [rows, V].</summary>
    private static Tensor Logits(LanguageModel model, PrefixTensors?[] prefixes, bool shares)
    {
        // More than a window of these bases.
        const int Tokens = 30;
        int rows = prefixes.Length;
        LanguageModel steps = model.ForSteps(StepForm.Rows);
        Tensor?[] inFront = Array.ConvertAll(prefixes, prefix => prefix?.Sites.Values[AttentionSite.Decoder]);
        int[] lengths = Array.ConvertAll(prefixes, prefix => prefix?.Sites.LengthOf(AttentionSite.Decoder) ?? 0);
        using var cache = new KeyValueCache(model.Spec.Decoder, model.Type, CPU);
        cache.Block.Open(rows, lengths.Max() + Tokens);
        cache.Block.Ensure(shares ? Tokens : lengths.Max() + Tokens);
        for (int lane = 0; !shares && lane < rows; lane++)
        {
            if (inFront[lane] is { } prefix)
                cache.Block.Fill(lane, prefix);
        }
        using SourceCache? sources = model.Spec.IsEncoderDecoder ? StepsTests.Sources(model, rows) : null;
        Tensor? hidden = null;
        for (int i = 0; i < Tokens; i++)
        {
            int token = i, columns = lengths.Max() + token + 1;
            cache.Begin(new LaneRange(0, rows, 1), Array.ConvertAll(lengths, length => length + token), 1, columns,
                shares ? inFront : null);
            RowState[] states = Array.ConvertAll(lengths, length => new RowState(length, token, 1, Tokens));
            long[] ids = [.. Enumerable.Range(0, rows).Select(row => (3L + 7 * token + row) % 50)];
            hidden = steps.Decode(steps.Embed(tensor(ids, [rows, 1])),
                TokenPlaces.Causal(states, 1, columns, [Convention(model)]), cache,
                sources?.See(0, [.. Enumerable.Repeat(1, rows)]));
        }
        return steps.Logits(hidden!.select(1, 0));
    }

    /// <summary>Writes rows of some kinds to their ends, all of which wait from the start.</summary>
    private static ActiveRow[] Write(LanguageModel model, DecodingLimits limits, params Kind[] kinds)
    {
        using var inference = inference_mode();
        using var loop = new DecodingLoop(model, limits.Lanes);
        loop.Open(limits, []);
        ActiveRow[] rows = [.. kinds.Select((kind, index) => kind.Row(model, index))];
        var waiting = new Queue<ActiveRow>(rows);
        while (waiting.Count + loop.Count > 0)
        {
            loop.Advance(waiting);
            loop.TakeOut(row => row.IsOver);
        }
        foreach (ActiveRow row in rows)
            Assert.IsNull(row.Fault);
        return rows;
    }

    private sealed record Kind(GenerationRules Rules, int Length, PrefixTensors? Prefix)
    {
        public ActiveRow Row(LanguageModel model, int index) => new(index,
            new GenerationPrompt([.. Enumerable.Range(0, Length).Select(i => 3 + (i * 7 + Length) % 390)], Prefix),
            Rules, new TokenConstraints(Rules), model.Spec);
    }
}
