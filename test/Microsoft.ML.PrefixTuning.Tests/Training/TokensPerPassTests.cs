using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>Batches that go through the base in parts (<see cref="TrainingOptions.MaxTokensPerPass"/>).</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class TokensPerPassTests
{
    public static IEnumerable<object[]> Shapes => GoldenLogits.Names.Select(name => new object[] { name });

    [TestMethod]
    [DataRow(1000, "6")]
    [DataRow(60, "6")]
    [DataRow(59, "5 1")]
    [DataRow(30, "3 3")]
    [DataRow(20, "3 2 1")]
    [DataRow(1, "1 1 1 1 1 1")]
    public void Passes_OfABatch_TakeTheTokensAllowedInOrder(int most, string expected)
    {
        TrainingExample[] rows =
            [.. ((int[])[5, 5, 6, 8, 10, 10]).Select((tokens, row) => new TrainingExample(new int[tokens - 2], [1, 2],
                Row: row))];

        TrainingExample[][] passes = [.. BatchPlan.Passes(rows, most)];

        Assert.AreEqual(expected, string.Join(' ', passes.Select(pass => pass.Length)));
        CollectionAssert.AreEqual(rows, passes.SelectMany(pass => pass).ToArray());
    }

    [TestMethod]
    [DynamicData(nameof(Shapes))]
    public void Step_InParts_HasTheLossAndGradientOfTheWholeBatch(string shape)
    {
        FirstStep whole = ShapeTraining.Step(shape, new TrainingOptions());
        FirstStep parts = ShapeTraining.Step(shape, new TrainingOptions { MaxTokensPerPass = 30 });

        Assert.AreEqual(whole.Loss, parts.Loss, 1e-5);
        // Scores of T5 are not scaled: what products round, which processors do differently, is several times as much.
        double bound = shape.EndsWith("t5", StringComparison.Ordinal) ? 1e-4 : 1e-5;
        Assert.IsLessThanOrEqualTo(bound, whole.Difference(parts));
    }

    [TestMethod]
    public void Step_InPartsBySentences_HasTheGradientOfTheWholeBatch()
    {
        string shape = GoldenLogits.Names.First();
        var options = new TrainingOptions { Loss = TrainingLoss.SentenceSum };
        FirstStep whole = ShapeTraining.Step(shape, options);
        FirstStep parts = ShapeTraining.Step(shape, options with { MaxTokensPerPass = 30 });

        Assert.IsLessThanOrEqualTo(1e-5, whole.Difference(parts));
    }

    [TestMethod]
    public void Training_OfRowsWithinAPass_GivesTheSameNumbersWhateverTheBound()
    {
        using LanguageModel model = TinyTraining.Model();
        float[] Values(int most)
        {
            using TrainedKeyValues parametrization = TinyTraining.Direct(model);
            TrainingRun run = TinyTraining.Run(model);
            return TinyTraining.Values(
                Trained.By(run with { Options = run.Options with { MaxTokensPerPass = most } }, parametrization).Best);
        }

        float[] expected = Values(100_000);
        CollectionAssert.AreEqual(expected, Values(TrainingOptions.DefaultTokensPerPass));
        CollectionAssert.AreNotEqual(expected, Values(20));
    }
}
