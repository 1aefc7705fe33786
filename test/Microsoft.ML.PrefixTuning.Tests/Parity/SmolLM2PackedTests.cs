using System;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Face;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Parity;

/// <summary>What fewer bits cost a real model: loss of texts that it did not learn.</summary>
[TestClass]
[TestCategory("Parity")]
public sealed class SmolLM2PackedTests
{
    // docs/performance.md has the losses of a prefix on E2E.
    private const double Most8 = 0.005, Most4 = 0.02;

    [TestMethod]
    public void Loss_InFewerBits_IsLittleWorse()
    {
        double wide = Loss(ScalarType.Float32);
        double in8 = Loss(new BaseForm(ScalarType.Float32, MatrixForm.Int8));
        // Its file has 4 bits in groups of 32: what they lose was lost before.
        double in4 = Loss(new BaseForm(ScalarType.Float32, MatrixForm.Int4));
        Console.WriteLine($"float32 {wide:F4}, 8 bits {in8:F4}, 4 bits {in4:F4}");
        Assert.IsLessThanOrEqualTo(Most8 * wide, in8 - wide);
        Assert.IsLessThanOrEqualTo(Most4 * wide, in4 - wide);
    }

    /// <summary>Nats a token.</summary>
    private static double Loss(BaseForm form)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using FrozenBase frozen = FrozenBase.Load(SmolLM2Base.Path, form, CPU);
        TrainingExample[] rows = [.. TinyBase.Rows(12).Select(row => new TrainingExample(
            [.. frozen.Tokenizer.EncodeToIds(row.Input + "\n")], [.. frozen.Tokenizer.EncodeToIds(row.Label)]))];
        TargetStates states = TargetStates.Make(frozen.Model, rows, SitePrefixes.None);
        return TargetLoss.Sum(frozen.Model, states.Hidden, states.Labels) / states.Labels.size(0);
    }
}
