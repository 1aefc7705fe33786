using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;

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

        Assert.AreEqual(kept.Loss, recomputed.Loss);
        Assert.HasCount(kept.Gradients.Length, recomputed.Gradients);
        for (int i = 0; i < kept.Gradients.Length; i++)
            CollectionAssert.AreEqual(kept.Gradients[i], recomputed.Gradients[i]);
    }
}
