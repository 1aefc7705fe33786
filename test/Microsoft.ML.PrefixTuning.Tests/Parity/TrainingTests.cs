using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints.Peft;
using Microsoft.ML.PrefixTuning.Checkpoints.SafeTensors;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Training;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Parity;

/// <summary>Gradients and training runs against the reference, case by case and part by part.</summary>
[TestClass]
[TestCategory("Quick")]
[TestCategory("Parity")]
public sealed class TrainingTests
{
    public static IEnumerable<object[]> Gradients => Cases("prefix.grad", "always.grad");

    public static IEnumerable<object[]> Infixes => Cases("infix.grad.0.key");

    public static IEnumerable<object[]> Prompts => Cases("prompt.grad");

    public static IEnumerable<object[]> Runs => Cases("train.direct.final", "train.projected.final");

    [TestMethod]
    [DynamicData(nameof(Gradients))]
    public void Gradient_OfPeftPrefix_EqualsReference(string folder, string part)
    {
        using var scope = NewDisposeScope();
        using FamilyCase golden = FamilyCase.Open(folder);
        using FrozenBase frozen = golden.LoadBase();
        using TrainedPrefix parametrization = Direct(golden, frozen.Model,
            part == "always.grad" ? PrefixConvention.DecoderOnly : PrefixConvention.Peft);
        IReadOnlyDictionary<AttentionSite, Tensor> sites = parametrization.Materialize();
        (double loss, Tensor[] gradients) =
            TrainingCase.Gradient(frozen.Model, TrainingCase.Examples(golden, "batch"), sites,
            parametrization.Convention);
        Tensor gradient = autograd.grad([.. sites.Values], [parametrization.Parameters[0].Value], gradients)[0];
        Tensor rows = gradient.permute(3, 0, 1, 2, 4).reshape(gradient.size(3), -1);
        string section = part[..part.IndexOf('.')];
        Assert.AreEqual(golden.Numbers.GetProperty(section).GetProperty("loss").GetDouble(), loss, 1e-5);
        Assert.IsLessThanOrEqualTo(1e-4, TrainingCase.RelativeDifference(rows, golden.Stored(part)));
    }

    [TestMethod]
    [DynamicData(nameof(Infixes))]
    public void Gradient_OfInfix_EqualsReference(string folder, string part)
    {
        using var scope = NewDisposeScope();
        using FamilyCase golden = FamilyCase.Open(folder);
        using FrozenBase frozen = golden.LoadBase();
        string[] halves = ["key", "value"];
        Tensor Packed(string name) => stack(Enumerable.Range(0, frozen.Model.Spec.Decoder.Layers)
            .Select(layer => stack(halves.Select(half => golden.Stored($"{name}.{layer}.{half}")).ToArray()))
                .ToArray());
        var sites = new Dictionary<AttentionSite, Tensor>
        { [AttentionSite.Decoder] = Packed("infix").requires_grad_() };
        (double loss, Tensor[] gradients) =
            TrainingCase.Gradient(frozen.Model, TrainingCase.Examples(golden, "infix"), sites,
            PrefixConvention.Infix);
        Assert.AreEqual(golden.Numbers.GetProperty("infix").GetProperty("loss").GetDouble(), loss, 1e-5);
        Assert.IsLessThanOrEqualTo(1e-4, TrainingCase.RelativeDifference(gradients[0], Packed("infix.grad")), part);
    }

    [TestMethod]
    [DynamicData(nameof(Prompts))]
    public void Gradient_OfEmbeddings_EqualsReference(string folder, string part)
    {
        using var scope = NewDisposeScope();
        using FamilyCase golden = FamilyCase.Open(folder);
        using FrozenBase frozen = golden.LoadBase();
        string adapter = Path.Combine(golden.Folder, "adapter-prompt");
        using SafeTensorsFile file = SafeTensorsFile.Open(Path.Combine(adapter, "adapter_model.safetensors"));
        using var prompt = new TrainedEmbeddings(frozen.Model, file.Read("prompt_embeddings", ScalarType.Float32),
            PrefixConvention.Peft);
        IReadOnlyDictionary<AttentionSite, Tensor> sites = prompt.Materialize();
        Tensor made = sites[AttentionSite.Decoder];
        var leaves = new Dictionary<AttentionSite, Tensor> { [AttentionSite.Decoder] = made.detach().requires_grad_() };
        (double loss, Tensor[] ofLeaves) =
            TrainingCase.Gradient(frozen.Model, TrainingCase.Examples(golden, "batch"), leaves, prompt.Convention);
        Tensor gradient = autograd.grad([made], [prompt.Parameters[0].Value], ofLeaves)[0];
        Assert.AreEqual(golden.Numbers.GetProperty("prompt").GetProperty("loss").GetDouble(), loss, 1e-5);
        Assert.IsLessThanOrEqualTo(1e-4, TrainingCase.RelativeDifference(gradient, golden.Stored(part)));
        // The logits and texts of the imported adapter are compared elsewhere: what is baked here is the same.
        CollectionAssert.AreEqual(PeftAdapter.Import(adapter, frozen.Model).ToBytes(), prompt.Bake().ToBytes());
    }

    [TestMethod]
    [DynamicData(nameof(Runs))]
    public void Train_FromGoldenStart_EqualsReference(string folder, string part)
    {
        using var scope = NewDisposeScope();
        using FamilyCase golden = FamilyCase.Open(folder);
        using FrozenBase frozen = golden.LoadBase();
        bool projected = part == "train.projected.final";
        JsonElement settings = golden.Numbers.GetProperty("train").GetProperty(projected ? "projected" : "direct");
        using TrainedPrefix parametrization = projected
            ? Projected(golden, frozen.Model, settings.GetProperty("hidden").GetInt32())
                : Direct(golden, frozen.Model, PrefixConvention.Peft);
        TrainingExample[][] batches = Enumerable.Range(0, 6)
            .Select(batch => TrainingCase.Examples(golden, $"train.batch{batch}")).ToArray();

        Trained outcome =
            Trained.By(TrainingCase.Run(frozen.Model, settings, batches), parametrization);

        for (int step = 0; step < outcome.Steps.Count; step++)
        {
            StepRecord found = outcome.Steps[step];
            double norm = settings.GetProperty("grad_norms")[step].GetDouble();
            Assert.AreEqual(settings.GetProperty("losses")[step].GetDouble(), found.Loss, 1e-5, $"loss of step {step}");
            Assert.AreEqual(norm, found.GradientNorm, 1e-4 * norm, $"gradient norm of step {step}");
            Assert.AreEqual(settings.GetProperty("lrs")[step].GetDouble(), found.LearningRate, 1e-15,
                $"rate of step {step}");
        }
        Assert.HasCount(12, outcome.Steps);
        if (frozen.Model.Spec.IsEncoderDecoder)
        {
            CheckStored(golden, parametrization, projected);
            return;
        }
        double difference = (TrainingCase.ToPeftRows(outcome.Best) - golden.Stored(part)).abs().max().ToDouble();
        Assert.IsLessThanOrEqualTo(projected ? 3e-4 : 1e-5, difference);
    }

    /// <summary>
    /// PEFT's encoder-decoder prefix stores layers that no decoder layer takes: they are compared where they are
    /// trained.
    /// </summary>
    private static void CheckStored(FamilyCase golden, TrainedPrefix parametrization, bool projected)
    {
        foreach (NamedParameter parameter in parametrization.Parameters)
        {
            string name = parameter.Name[(parameter.Name.IndexOf('.') + 1)..];
            Tensor found = projected ? parameter.Value
                : parameter.Value.permute(3, 0, 1, 2, 4).reshape(parameter.Value.size(3), -1);
            Tensor wanted = golden.Stored(projected ? $"train.projected.final.{name}" : "train.direct.final");
            Assert.IsLessThanOrEqualTo(projected ? 3e-4 : 1e-5, (found - wanted).abs().max().ToDouble(), name);
        }
    }

    private static TrainedPrefix Direct(FamilyCase golden, LanguageModel model, PrefixConvention convention)
    {
        using SafeTensorsFile file =
            SafeTensorsFile.Open(Path.Combine(golden.Folder, "adapter", "adapter_model.safetensors"));
        using Tensor rows = file.Read("prompt_embeddings", ScalarType.Float32);
        var direct = new TrainedKeyValues(FamilyCase.FromPeftRows(rows, model.Spec, convention), CPU);
        return model.Spec.IsEncoderDecoder ? new PeftEncoderDecoderParametrization(direct) : direct;
    }

    private static TrainedPrefix Projected(FamilyCase golden, LanguageModel model, int hidden)
    {
        int length = (int)golden.Stored("train.projected.init.embedding.weight").size(0);
        var shape = SiteShape.Of(model.Spec, AttentionSite.Decoder, length);
        var network = new TrainedMlp(new Dictionary<AttentionSite, SiteShape> { [AttentionSite.Decoder] = shape },
            new PrefixNetworkShape(hidden), PrefixConvention.Peft, 0, CPU);
        TrainingCase.Load(network, name => golden.Stored($"train.projected.init.{name}"));
        return model.Spec.IsEncoderDecoder ? new PeftEncoderDecoderParametrization(network) : network;
    }

    private static IEnumerable<object[]> Cases(params string[] parts) =>
        from folder in FamilyCase.Folders
        from part in parts
        where Has(folder, part)
        select new object[] { folder, part };

    private static bool Has(string folder, string part)
    {
        using FamilyCase golden = FamilyCase.Open(folder);
        return golden.Has(part);
    }
}
