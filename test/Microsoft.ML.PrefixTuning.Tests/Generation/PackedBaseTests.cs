using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Generation;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Generation;

/// <summary>A base of few bits writes, in every shape of every family, what the wide base nearly says.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class PackedBaseTests
{
    public static IEnumerable<object[]> Shapes =>
        from name in GoldenLogits.Names
        from form in (string[])[nameof(MatrixForm.Int8), nameof(MatrixForm.Int4)]
        select new object[] { name, form };

    [TestMethod]
    [DynamicData(nameof(Shapes))]
    public void Logits_OfAShape_AreThoseOfTheNumbersItStandsFor(string shape, string form)
    {
        JsonObject file = new GoldenLogits(shape).Read();
        double rounding = Distance(GoldenLogits.Logits(file), GoldenLogits.Logits(file, ScalarType.BFloat16));
        (float[] packed, float[] wide) = GoldenLogits.With(file, model =>
        {
            using var widened = new LanguageModel(model.Spec, Widened(model.Weights));
            return (GoldenLogits.LogitsOf(model), GoldenLogits.LogitsOf(widened));
        }, Of(form));
        // Products alone are rounded to bfloat16.
        Assert.IsLessThan(0.005 + 2 * rounding, Distance(wide, packed));
        // 4 bits of random numbers leave little of them.
        if (form == "Int8")
            Assert.IsLessThan(0.03 + 3 * rounding, Distance(GoldenLogits.Logits(file), packed));
    }

    [TestMethod]
    [DynamicData(nameof(Shapes))]
    public void Generate_OfAShape_WritesTheSameInAnyBatch(string shape, string form)
    {
        int[][] alone = [], together = [];
        GoldenLogits.With(new GoldenLogits(shape).Read(), model =>
        {
            Assert.IsTrue(Linears(model.Weights).All(linear => linear.Weight.GetType().Name == form + "Matrix"));
            Assert.IsInstanceOfType<Int8Matrix>(model.Weights.Embedding);
            Assert.IsInstanceOfType<Int8Matrix>(model.Weights.Head);
            (alone, together) = (Write(model, 1), Write(model, 4));
            return true;
        }, Of(form));
        for (int row = 0; row < alone.Length; row++)
            CollectionAssert.AreEqual(alone[row], together[row], $"row {row}");
    }

    [TestMethod]
    [DataRow("llama", "Int8")]
    [DataRow("narrow-gguf", "Int8")]
    [DataRow("narrow-gguf", "Int4")]
    [DataRow("t5", "Int4")]
    public void Load_OfABase_KeepsNoMatrixWide(string name, string form)
    {
        string path = TinyBase.Folder(name);
        if (name == "narrow-gguf")
            path = Path.Combine(path, "model.gguf");
        using FrozenBase wide = FrozenBase.Load(path, ScalarType.BFloat16, CPU);
        using FrozenBase packed = FrozenBase.Load(path, Of(form), CPU);
        // Numbers of few bits, norms, scales and a table of relative positions.
        Assert.IsTrue(packed.Model.Weights.Owned.All(tensor => tensor.dtype is ScalarType.Int8 or ScalarType.Byte
            or ScalarType.BFloat16 || tensor.Dimensions == 1 || tensor.numel() < 100));
        Assert.IsNull(packed.Model.Weights.Space);
        Assert.IsNull(wide.Identity.Difference(packed.Identity), "one base, however it is kept");
    }

    [TestMethod]
    public void Load_OnAnotherDevice_IsRefused()
    {
        string message = Assert.ThrowsExactly<NotSupportedException>(() =>
            FrozenBase.Load(TinyBase.Folder("llama"), Of("Int8"), META)).Message;
        Assert.Contains("Precision Int8: expected the device cpu, found meta", message);
    }

    private static BaseForm Of(string form) => new(ScalarType.Float32, Enum.Parse<MatrixForm>(form));

    /// <summary>Largest difference as a share of the span.</summary>
    private static double Distance(float[] wanted, float[] found) =>
        wanted.Zip(found, (one, other) => Math.Abs(one - other)).Max() / (wanted.Max() - wanted.Min());

    private static IEnumerable<Linear> Linears(ModelWeights weights) =>
        from stack in new[] { weights.Decoder, weights.Encoder }.OfType<StackWeights>()
        from block in stack.Blocks
        from linear in new[] { block.Gate, block.Up, block.Down }
            .Concat(new[] { block.Attention, block.Cross }.OfType<AttentionWeights>()
                .SelectMany(one => new[] { one.Query, one.Key, one.Value, one.Output }))
        where linear is not null
        select linear;

    /// <summary>The same numbers as wide matrices, which end with the scope.</summary>
    private static ModelWeights Widened(ModelWeights weights)
    {
        FrozenMatrix embedding = Wide(weights.Embedding);
        return new ModelWeights([])
        {
            Embedding = embedding,
            Head = weights.Head == weights.Embedding ? embedding : Wide(weights.Head),
            HeadBias = weights.HeadBias,
            Decoder = OfStack(weights.Decoder),
            Encoder = weights.Encoder is null ? null : OfStack(weights.Encoder),
        };

        static StackWeights OfStack(StackWeights stack) => stack with
        {
            ProjectIn = stack.ProjectIn is null ? null : Map(stack.ProjectIn),
            ProjectOut = stack.ProjectOut is null ? null : Map(stack.ProjectOut),
            Blocks = [.. stack.Blocks.Select(block => block with
            {
                Attention = OfAttention(block.Attention),
                Cross = block.Cross is null ? null : OfAttention(block.Cross),
                Gate = block.Gate is null ? null : Map(block.Gate),
                Up = Map(block.Up),
                Down = Map(block.Down),
            })],
        };

        static AttentionWeights OfAttention(AttentionWeights weights) => weights with
        {
            Query = Map(weights.Query),
            Key = Map(weights.Key),
            Value = Map(weights.Value),
            Output = Map(weights.Output),
        };

        static Linear Map(Linear linear) => linear with { Weight = Wide(linear.Weight) };

        static WideMatrix Wide(FrozenMatrix matrix)
        {
            var blocks = new List<Tensor>();
            matrix.ForEachBlock((_, block) => blocks.Add(block.clone()));
            return new WideMatrix(cat(blocks));
        }
    }

    private static int[][] Write(LanguageModel model, int batchSize)
    {
        using var writer = new BatchWriter(model, new GenerationRules { MaxNewTokens = 6, BatchSize = batchSize });
        GenerationPrompt[] prompts = [.. Enumerable.Range(0, 6).Select(row => new GenerationPrompt(
            [.. Enumerable.Range(0, 3 + 5 * row).Select(i => (7 + 13 * i + row * i * i) % model.Spec.VocabularySize)],
            null))];
        return [.. writer.Generate(prompts).Select(sequences => sequences[0].Ids.ToArray())];
    }
}
