using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.ML.PrefixTuning.Tests.Parity;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>A base whose matrices stay as they are stored does what the same base does with all numbers wide.</summary>
[TestClass]
[TestCategory("Parity")]
public sealed class StoredBaseTests
{
    private const int Length = 3;

    public static IEnumerable<object[]> Families => FamilyCase.Folders
        .Select(folder => Path.Combine(Fixtures.Family(folder), "model.gguf")).Where(File.Exists)
        .Select(path => new object[] { path });

    [TestMethod]
    public void Folders_OnThisMachine_AreThere() =>
        Fixtures.Require(Fixtures.Families.FirstOrDefault());

    [TestMethod]
    [DynamicData(nameof(Families))]
    public void Step_OfAFamily_HasTheLossAndTheGradientOfTheWideBase(string path) => Compare(path, rows: 4, 1e-5);

    [TestMethod]
    public void Step_OfAFolderInBFloat16_HasTheLossAndTheGradientOfTheWideBase()
    {
        using TemporaryFolder folder = Narrowed(new TemporaryFolder().CopyFrom(TinyBase.Folder("llama")));
        using FrozenBase stored = FrozenBase.Load(folder.Path, Stored(ScalarType.Float32), CPU);
        Assert.IsInstanceOfType<StoredMatrix>(stored.Model.Weights.Decoder.Blocks[0].Up.Weight);
        Compare(folder.Path, rows: 4, 1e-5);
    }

    [TestMethod]
    [DataRow("gemma2")] // Capped scores and logits.
    [DataRow("granite")] // A factor before the head.
    [DataRow("phi3")] // Fused matrices.
    public void Step_OfAGoldenShapeInBFloat16_HasTheLossAndTheGradientOfTheWideBase(string shape)
    {
        using TemporaryFolder folder = Narrowed(GoldenLogits.WriteCheckpoint(new GoldenLogits(shape).Read()));
        Compare(folder.Path, rows: 4, 1e-5);
    }

    [TestMethod]
    public void Step_OfSmolLM2_HasTheLossAndTheGradientOfTheWideBase() => Compare(SmolLM2Base.Path, rows: 2, 1e-5);

    [TestMethod]
    public void Step_InBFloat16_IsAsNearAsBFloat16Is()
    {
        string path = Path.Combine(TinyBase.Folder("narrow-gguf"), "model.gguf");
        (double wanted, _) = Step(path, ScalarType.Float32);
        (double wide, _) = Step(path, ScalarType.BFloat16);
        (double found, _) = Step(path, Stored(ScalarType.BFloat16));
        Assert.AreEqual(wide, found, 0.01 * wanted);
        Assert.AreEqual(wanted, found, 0.02 * wanted);
    }

    [TestMethod]
    public void Weights_OfAStoredBase_AreNoWideMatrices()
    {
        string path = Path.Combine(TinyBase.Folder("narrow-gguf"), "model.gguf");
        using FrozenBase wide = FrozenBase.Load(path, ScalarType.Float32, CPU);
        using FrozenBase stored = FrozenBase.Load(path, Stored(ScalarType.Float32), CPU);
        Assert.IsTrue(stored.Model.Weights.Owned.All(tensor => tensor.Dimensions == 1), "norms and biases alone");
        Assert.IsNull(wide.Identity.Difference(stored.Identity), "one base, however it is kept");
    }

    [TestMethod]
    public void Load_OfABaseThatIsNotFinite_IsRefused()
    {
        using var folder = new TemporaryFolder();
        byte[] file = File.ReadAllBytes(Path.Combine(TinyBase.Folder("narrow-gguf"), "model.gguf"));
        // The last numbers of the file are a matrix's or a norm's.
        BitConverter.TryWriteBytes(file.AsSpan(file.Length / 2 / 32 * 32), float.NaN);
        File.WriteAllBytes(folder["model.gguf"], file);
        Assert.Contains("finite", Assert.ThrowsExactly<FormatException>(() =>
            FrozenBase.Load(folder["model.gguf"], Stored(ScalarType.Float32), CPU)).Message);
    }

    private static BaseForm Stored(ScalarType type) => new(type, MatrixForm.AsStored);

    private static void Compare(string path, int rows, double tolerance)
    {
        (double wanted, float[] wantedGradient) = Step(path, ScalarType.Float32, rows);
        (double found, float[] gradient) = Step(path, Stored(ScalarType.Float32), rows);
        Assert.AreEqual(wanted, found, tolerance * wanted);
        double largest = wantedGradient.Max(Math.Abs);
        Assert.IsGreaterThan(0, largest);
        Assert.IsLessThanOrEqualTo(1e-4 * largest,
            wantedGradient.Zip(gradient, (one, other) => Math.Abs(one - other)).Max());
    }

    /// <summary>The loss of a batch in nats a token, and its gradient with respect to a random prefix.</summary>
    private static (double Loss, float[] Gradient) Step(string path, BaseForm form, int rows = 4)
    {
        using var scope = NewDisposeScope();
        using FrozenBase frozen = FrozenBase.Load(path, form, CPU);
        LanguageModel model = frozen.Model;
        HeadShape heads = model.Spec.Decoder.Heads;
        long[] shape = [model.Spec.Decoder.Layers, 2, heads.KeyValueCount, Length, heads.Size];
        Tensor prefix = tensor(new SeededRandom(5, RandomPurpose.Start).Normal(shape.Aggregate((a, b) => a * b), 0.3),
            shape).requires_grad_();
        var prefixes = new SitePrefixes(new Dictionary<AttentionSite, Tensor>
        {
            [AttentionSite.Decoder] = prefix.to(model.Type),
        }, PrefixConvention.DecoderOnly);
        TrainingExample[] examples = TinyTraining.Rows(rows);
        TargetStates states = TargetStates.Make(model, examples, prefixes);
        (double sum, Tensor ofHidden) = TargetLoss.WithGradient(model, states.Hidden, states.Labels, 0);
        Assert.AreEqual(sum, TargetLoss.Sum(model, states.Hidden, states.Labels), 1e-5 * sum);
        Tensor gradient = autograd.grad([states.Hidden], [prefix], [ofHidden])[0];
        return (sum / states.Labels.size(0), gradient.data<float>().ToArray());
    }

    // The folder in bfloat16.
    private static TemporaryFolder Narrowed(TemporaryFolder folder)
    {
        string file = folder["model.safetensors"];
        using var scope = NewDisposeScope();
        byte[] bytes;
        using (SafeTensorsFile source = SafeTensorsFile.Open(file))
        {
            using var stream = new MemoryStream();
            SafeTensorsWriter.Write(stream, [.. source.TensorNames.Select(name =>
                SafeTensorsContent.Of(name, source.Read(name, ScalarType.BFloat16)))]);
            bytes = stream.ToArray();
        }
        File.WriteAllBytes(file, bytes);
        return folder;
    }
}
