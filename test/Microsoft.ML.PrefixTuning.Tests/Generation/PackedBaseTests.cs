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
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Generation;

/// <summary>A base of few bits writes, in every shape of every family, what the wide base nearly says.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class PackedBaseTests
{
    private static readonly BaseForm Int8 = new(ScalarType.Float32, MatrixForm.Int8);

    public static IEnumerable<object[]> Shapes => GoldenLogits.Names.Select(name => new object[] { name });

    [TestMethod]
    [DynamicData(nameof(Shapes))]
    public void Logits_OfAShape_AreNearTheWideOnes(string shape)
    {
        JsonObject file = new GoldenLogits(shape).Read();
        float[] wanted = new GoldenLogits(shape).Expected();
        double narrow = Distance(wanted, GoldenLogits.Logits(file, ScalarType.BFloat16));
        double packed = Distance(wanted, GoldenLogits.Logits(file, Int8));
        Console.WriteLine($"{shape}: bfloat16 {narrow:F4}, 8 bits {packed:F4}");
        Assert.IsLessThan(0.03 + 3 * narrow, packed);
    }

    [TestMethod]
    [DynamicData(nameof(Shapes))]
    public void Generate_OfAShape_WritesTheSameInAnyBatch(string shape)
    {
        int[][] alone = [], together = [];
        GoldenLogits.With(new GoldenLogits(shape).Read(), model =>
        {
            Assert.IsTrue(Linears(model.Weights).All(linear => linear.Weight is Int8Matrix));
            Assert.IsInstanceOfType<Int8Matrix>(model.Weights.Embedding);
            Assert.IsInstanceOfType<Int8Matrix>(model.Weights.Head);
            (alone, together) = (Write(model, 1), Write(model, 4));
            return true;
        }, Int8);
        for (int row = 0; row < alone.Length; row++)
            CollectionAssert.AreEqual(alone[row], together[row], $"row {row}");
    }

    [TestMethod]
    [DataRow("llama")]
    [DataRow("narrow-gguf")]
    [DataRow("t5")]
    public void Load_OfABase_KeepsNoMatrixWide(string name)
    {
        string folder = TinyBase.Folder(name), path = name == "narrow-gguf" ? Path.Combine(folder, "model.gguf") : folder;
        using FrozenBase wide = FrozenBase.Load(path, ScalarType.BFloat16, CPU);
        using FrozenBase packed = FrozenBase.Load(path, Int8, CPU);
        Assert.IsTrue(packed.Model.Weights.Owned.All(tensor => tensor.Dimensions == 1 || tensor.dtype == ScalarType.Int8
            || tensor.numel() < 100), "numbers of 8 bits, norms, scales and a table of relative positions");
        Assert.IsNull(packed.Model.Weights.Space);
        Assert.IsNull(wide.Identity.Difference(packed.Identity), "one base, however it is kept");
    }

    [TestMethod]
    public void Load_OnAnotherDevice_IsRefused()
    {
        string message = Assert.ThrowsExactly<NotSupportedException>(() =>
            FrozenBase.Load(TinyBase.Folder("llama"), Int8, META)).Message;
        Assert.Contains("Precision Int8: expected the device cpu, found meta", message);
    }

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

    private static int[][] Write(LanguageModel model, int batchSize)
    {
        using var writer = new BatchWriter(model, new GenerationRules { MaxNewTokens = 6, BatchSize = batchSize });
        GenerationPrompt[] prompts = [.. Enumerable.Range(0, 6).Select(row => new GenerationPrompt(
            [.. Enumerable.Range(0, 3 + 5 * row).Select(i => (7 + 13 * i + row * i * i) % model.Spec.VocabularySize)],
            null))];
        return [.. writer.Generate(prompts).Select(sequences => sequences[0].Ids.ToArray())];
    }
}
