using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Generation;

/// <summary>Single tokens of a base in bfloat16: float32 but for its numbers, in both forms of products.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class StepsTests
{
    private static readonly GenerationRules Greedy = new() { MaxNewTokens = 12, MinNewTokens = 12, EndIds = [2] };

    public static IEnumerable<object[]> Shapes =>
        from name in GoldenLogits.Names
        from form in Enum.GetNames<StepForm>()
        select new object[] { name, form };

    [TestMethod]
    [DynamicData(nameof(Shapes))]
    public void Logits_OfAShape_AreNearlyThoseOfOtherPasses(string shape, string form)
    {
        JsonObject file = new GoldenLogits(shape).Read();
        float[] wide = GoldenLogits.Logits(file), narrow = GoldenLogits.Logits(file, ScalarType.BFloat16);
        double rounding = Distance(wide, narrow);
        float[] found = GoldenLogits.With(file, model =>
        {
            Assert.AreNotSame(model, model.ForSteps(Enum.Parse<StepForm>(form)));
            return Logits(model, Enum.Parse<StepForm>(form), Prompts(model, 1)).data<float>().ToArray();
        }, ScalarType.BFloat16);
        Assert.IsLessThan(0.005 + 2 * rounding, Distance(wide, found));
        Assert.IsLessThan(0.005 + 3 * rounding, Distance(narrow, found));
    }

    [TestMethod]
    [DataRow("llama")]
    [DataRow("qwen3")]
    [DataRow("mistral-window")]
    public void Logits_OfOurOwnProducts_HaveTheSameBitsInAnyCompany(string shape) =>
        GoldenLogits.With(new GoldenLogits(shape).Read(), model =>
        {
            Tensor together = Logits(model, StepForm.Rows, Prompts(model, 7));
            for (int count = 1; count < 7; count += 2)
            {
                Tensor found = Logits(model, StepForm.Rows, Prompts(model, count));
                Assert.IsTrue(together.narrow(0, 0, count).eq(found).all().ToBoolean(), $"{count} rows");
            }
            return true;
        }, ScalarType.BFloat16);

    [TestMethod]
    [DataRow("llama", nameof(StepForm.Rows))]
    [DataRow("t5", nameof(StepForm.Rows))]
    [DataRow("llama", nameof(StepForm.Whole))]
    [DataRow("t5", nameof(StepForm.Whole))]
    public void Advance_OfRowsOfAllKinds_WritesAllOfThem(string name, string form)
    {
        using FrozenBase frozen = FrozenBase.Load(TinyBase.Folder(name), ScalarType.BFloat16, CPU);
        GenerationRules beams = Greedy with { Decoding = Decoding.Beam(3), SequenceCount = 2 };
        int[][] texts = Write(frozen.Model, Enum.Parse<StepForm>(form),
            [.. Enumerable.Range(0, 12).Select(row => (row % 4 == 1 ? beams : Greedy, 5 + 3 * row))]);
        Assert.IsTrue(texts.All(ids => ids.Length == 12));
    }

    [TestMethod]
    [DataRow("llama")]
    [DataRow("t5")]
    public void Advance_OfOurOwnProducts_WritesWhatARowWritesAlone(string name)
    {
        using FrozenBase frozen = FrozenBase.Load(TinyBase.Folder(name), ScalarType.BFloat16, CPU);
        (GenerationRules, int)[] rows = [.. Enumerable.Range(0, 9)
            .Select(row => (Greedy with { MaxNewTokens = 12 + row }, 5 + 3 * row))];
        int[][] together = Write(frozen.Model, StepForm.Rows, rows);
        for (int row = 0; row < rows.Length; row++)
        {
            int[] alone = Write(frozen.Model, StepForm.Rows, [rows[row]])[0];
            CollectionAssert.AreEqual(alone, together[row], $"row {row}");
        }
    }

    [TestMethod]
    public void Of_Lanes_IsDecidedByThemAndTheProcessor()
    {
        for (int lanes = 1; lanes < 100; lanes++)
        {
            Assert.AreEqual(StepForm.Rows, StepChoice.Of(lanes, isBFloat16Fast: false));
            Assert.AreEqual(lanes <= 16 ? StepForm.Rows : StepForm.Whole, StepChoice.Of(lanes, isBFloat16Fast: true));
        }
        Assert.AreEqual(16, Greedy.Lanes);
        Assert.AreEqual(20, (Greedy with { Decoding = Decoding.Beam(20) }).Lanes);
    }

    [TestMethod]
    public void ForSteps_OfAnotherModel_IsTheModelItself()
    {
        using FrozenBase wide = FrozenBase.Load(TinyBase.Folder("llama"), ScalarType.Float32, CPU);
        using FrozenBase packed = FrozenBase.Load(TinyBase.Folder("llama"),
            new BaseForm(ScalarType.Float32, MatrixForm.Int8), CPU);
        using FrozenBase narrow = FrozenBase.Load(TinyBase.Folder("llama"), ScalarType.BFloat16, CPU);
        using var moving = new LanguageModel(narrow.Model.Spec, new ModelWeights([])
        {
            Embedding = narrow.Model.Weights.Embedding,
            Head = narrow.Model.Weights.Head,
            Decoder = narrow.Model.Weights.Decoder,
        });
        foreach (LanguageModel model in (LanguageModel[])[wide.Model, packed.Model, moving])
        {
            Assert.AreSame(model, model.ForSteps(StepForm.Rows));
            Assert.AreEqual(model.Type, model.StepType);
        }
    }

    [TestMethod]
    [DataRow(nameof(StepForm.Rows), nameof(MatrixForm.Wide))]
    [DataRow(nameof(StepForm.Whole), nameof(MatrixForm.Wide))]
    [DataRow(nameof(StepForm.Rows), nameof(MatrixForm.AsStored))]
    public void ForSteps_OfABase_IsMadeOnceAndEndsWithIt(string form, string matrices)
    {
        long before = OwnTensors.Live;
        using (NewDisposeScope())
        using (FrozenBase frozen = FrozenBase.Load(TinyBase.Folder("llama"),
            new BaseForm(ScalarType.BFloat16, Enum.Parse<MatrixForm>(matrices)), CPU))
        {
            LanguageModel steps = frozen.Model.ForSteps(Enum.Parse<StepForm>(form));
            Assert.AreSame(steps, frozen.Model.ForSteps(Enum.Parse<StepForm>(form)));
            Assert.AreEqual(ScalarType.Float32, steps.Type);
            bool isOwn = form == nameof(StepForm.Rows);
            Assert.AreEqual(isOwn, steps.Weights.Head is RowMatrix);
            Assert.AreEqual(isOwn, steps.Weights.Decoder.Blocks[0].Up.Weight is RowMatrix);
            Assert.AreSame(frozen.Model.Weights.Head, ((StepMatrix)steps.Weights.Head).Kept);
        }
        Assert.AreEqual(before, OwnTensors.Live);
    }

    /// <summary>The logits behind the last of some tokens, which go through the base one by one, [rows, V].</summary>
    private static Tensor Logits(LanguageModel model, StepForm form, long[][] rows)
    {
        LanguageModel steps = model.ForSteps(form);
        int length = rows[0].Length;
        using var cache = new KeyValueCache(model.Spec.Decoder, model.Type, CPU);
        cache.Block.Open(rows.Length, length);
        using SourceCache? sources = model.Spec.IsEncoderDecoder ? Sources(model, rows.Length) : null;
        PrefixConvention convention =
            model.Spec.IsEncoderDecoder ? PrefixConvention.EncoderDecoder : PrefixConvention.DecoderOnly;
        Tensor? hidden = null;
        for (int i = 0; i < length; i++)
        {
            int token = i;
            cache.Begin(new LaneRange(0, rows.Length, 1), [.. rows.Select(_ => token)], 1, token + 1);
            RowState[] states = [.. rows.Select(_ => new RowState(0, token, 1, length))];
            Tensor ids = tensor(Array.ConvertAll(rows, row => row[token]), [rows.Length, 1]);
            hidden = steps.Decode(steps.Embed(ids), TokenPlaces.Causal(states, 1, token + 1, [convention]), cache,
                sources?.See(0, [.. rows.Select(_ => 1)]));
            Assert.AreEqual(ScalarType.Float32, hidden.dtype);
        }
        return steps.Logits(hidden!.select(1, 0));
    }

    /// <summary>The golden source, encoded once a row.</summary>
    internal static SourceCache Sources(LanguageModel model, int rows)
    {
        var sources = new SourceCache(model.Spec.Decoder, model.StepType, CPU);
        sources.Open(rows, GoldenLogits.SourceLength);
        Tensor ids = tensor(GoldenLogits.Tokens(GoldenLogits.SourceLength, model.Spec.VocabularySize)).unsqueeze(0)
            .expand(rows, -1).contiguous();
        int[] lengths = [.. Enumerable.Repeat(GoldenLogits.SourceLength, rows)];
        sources.Write(0, EncodedSource.Make(model, new TokenRows(ids, lengths), SitePrefixes.None));
        return sources;
    }

    // The golden prompt, and others of its length.
    private static long[][] Prompts(LanguageModel model, int count) => [.. Enumerable.Range(0, count)
        .Select(row => GoldenLogits.Tokens(GoldenLogits.PromptLength + row, model.Spec.VocabularySize)[row..])];

    /// <summary>The texts of rows that enter one by one and are read alone.</summary>
    private static int[][] Write(LanguageModel model, StepForm form, (GenerationRules Rules, int Length)[] kinds)
    {
        using var inference = inference_mode();
        using var loop = new DecodingLoop(model, form);
        // No two prompts fit into one piece.
        loop.Open(new DecodingLimits(40) { PieceTokens = 8, IsOpen = true }, []);
        ActiveRow[] rows = [.. kinds.Select((kind, index) => new ActiveRow(index,
            new GenerationPrompt([.. Enumerable.Range(0, kind.Length).Select(i => 3 + (i * 7 + kind.Length) % 390)],
                null), kind.Rules, new TokenConstraints(kind.Rules), model.Spec))];
        var waiting = new Queue<ActiveRow>(rows);
        while (waiting.Count + loop.Count > 0)
        {
            loop.Advance(waiting);
            loop.TakeOut(row => row.IsOver);
        }
        foreach (ActiveRow row in rows)
            Assert.IsNull(row.Fault, $"row {row.Index}");
        return [.. rows.Select(row => row.Search.Results()[0].Ids)];
    }

    /// <summary>Largest difference as a share of the span.</summary>
    private static double Distance(float[] wanted, float[] found) =>
        wanted.Zip(found, (one, other) => Math.Abs(one - other)).Max() / (wanted.Max() - wanted.Min());
}
