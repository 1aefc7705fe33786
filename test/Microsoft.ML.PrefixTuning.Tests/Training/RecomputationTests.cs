using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>Layers that are run a second time for their gradient (<see cref="TrainingOptions.Recompute"/>).</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class RecomputationTests
{
    private static readonly TrainingOptions s_kept = new() { Recompute = Recomputation.Never };
    private static readonly TrainingOptions s_recomputed = new() { Recompute = Recomputation.Always };

    public static IEnumerable<object[]> Shapes => GoldenLogits.Names.Select(name => new object[] { name });

    [TestMethod]
    [DynamicData(nameof(Shapes))]
    public void Step_WithLayersRunTwice_GivesTheSameBytes(string shape)
    {
        FirstStep kept = ShapeTraining.Step(shape, s_kept), recomputed = ShapeTraining.Step(shape, s_recomputed);

        AssertSame(kept, recomputed);
    }

    [TestMethod]
    [DynamicData(nameof(Shapes))]
    public void Step_OfAMemoryWithLayersRunTwice_GivesTheSameBytes(string shape) => AssertSame(
        ShapeTraining.Step(shape, s_kept, PrefixConvention.Memory),
        ShapeTraining.Step(shape, s_recomputed, PrefixConvention.Memory));

    /// <summary>Masks in float32, attention widened; a cap, windows, biases by distance; an encoder.</summary>
    [TestMethod]
    [DataRow("llama")]
    [DataRow("gemma2")]
    [DataRow("gemma3")]
    [DataRow("t5")]
    [DataRow("bart")]
    public void Step_InBFloat16WithLayersRunTwice_GivesTheSameBytes(string shape) => AssertSame(
        ShapeTraining.Step(shape, s_kept, form: ScalarType.BFloat16),
        ShapeTraining.Step(shape, s_recomputed, form: ScalarType.BFloat16));

    [TestMethod]
    [DataRow(ScalarType.Float32)]
    [DataRow(ScalarType.BFloat16)]
    public void Step_OfABaseAsStoredWithLayersRunTwice_GivesTheSameBytes(ScalarType type)
    {
        using LanguageModel wide = TinyTraining.Model(), model = TinyTraining.Stored(wide, type);
        Assert.IsTrue(model.IsStored);

        AssertSame(ShapeTraining.Step(model, s_kept), ShapeTraining.Step(model, s_recomputed));
    }

    /// <summary>A path from the result to the prefix would hold all that lies on it.</summary>
    [TestMethod]
    public void States_WithLayersRunTwice_HoldNothingWithinTheLayers()
    {
        using var scope = NewDisposeScope();
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues parametrization = TinyTraining.Direct(model);
        TrainingRun run = TinyTraining.Run(model, s_recomputed);
        Tensor leaf = parametrization.Materialize()[AttentionSite.Decoder].detach().requires_grad_();
        long before = OwnTensors.Live;

        TargetStates states = new PrefixPass(run, PrefixConvention.DecoderOnly).States([.. run.Examples.Take(4)],
            new Dictionary<AttentionSite, Tensor> { [AttentionSite.Decoder] = leaf });

        // The layers' results; views of the prefix a layer; ids, positions, masks, rotations and what is predicted.
        Assert.IsLessThanOrEqualTo(40, OwnTensors.Live - before);
        Tensor? reached = autograd.grad([states.Hidden], [leaf], [ones_like(states.Hidden)], retain_graph: true,
            allow_unused: true)[0];
        Assert.IsTrue(reached is null || reached.IsInvalid, "The result holds the layers.");
        Assert.IsTrue(states.Gradient(ones_like(states.Hidden), [leaf])[0].isfinite().all().ToBoolean());
    }

    /// <summary>A layer's tensors end with it; what a gradient needs of them autograd keeps.</summary>
    [TestMethod]
    public void States_WithLayersKept_HoldNothingWithinTheLayers()
    {
        using var scope = NewDisposeScope();
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues parametrization = TinyTraining.Direct(model);
        TrainingRun run = TinyTraining.Run(model, s_kept);
        Tensor leaf = parametrization.Materialize()[AttentionSite.Decoder].detach().requires_grad_();
        long before = OwnTensors.Live;

        TargetStates states = new PrefixPass(run, PrefixConvention.DecoderOnly).States([.. run.Examples.Take(4)],
            new Dictionary<AttentionSite, Tensor> { [AttentionSite.Decoder] = leaf });

        // As above, and of the layers' results the last one's alone.
        Assert.IsLessThanOrEqualTo(40, OwnTensors.Live - before);
        Assert.IsTrue(states.Gradient(ones_like(states.Hidden), [leaf])[0].isfinite().all().ToBoolean());
    }

    [TestMethod]
    public void Step_CancelledBetweenLayers_ThrowsAndLeavesNothing()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedKeyValues parametrization = TinyTraining.Direct(model);
        int calls = 0;
        TrainingRun run = TinyTraining.Run(model, s_recomputed) with
        {
            // Before the pass, before the last layer's gradient, before the first one's.
            CheckAlive = () =>
            {
                if (++calls == 3)
                    throw new OperationCanceledException();
            },
        };
        using var learner = new GradientLearner(run, parametrization);
        var plan = new TrainingPlan(run);
        float[] start = TinyTraining.Values(parametrization.Bake());
        long before = OwnTensors.Live;

        Assert.ThrowsExactly<OperationCanceledException>(() => learner.Take(plan, 0, 0));

        Assert.AreEqual(before, OwnTensors.Live);
        CollectionAssert.AreEqual(start, TinyTraining.Values(parametrization.Bake()));
    }

    private static void AssertSame(FirstStep expected, FirstStep found)
    {
        Assert.AreEqual(expected.Loss, found.Loss);
        Assert.HasCount(expected.Gradients.Length, found.Gradients);
        for (int i = 0; i < expected.Gradients.Length; i++)
            CollectionAssert.AreEqual(expected.Gradients[i], found.Gradients[i]);
    }
}
