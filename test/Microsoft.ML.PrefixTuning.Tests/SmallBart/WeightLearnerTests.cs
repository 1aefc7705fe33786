using System.IO;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Models.Families;
using Microsoft.ML.PrefixTuning.SmallBart.Training;
using Microsoft.ML.PrefixTuning.Tests.Training;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.SmallBart;

/// <summary>A learner that is none of the library's, in the library's loop: all weights of a BART.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class WeightLearnerTests
{
    private static readonly TrainingOptions Options = new()
    {
        MaxEpochs = 3,
        BatchSize = 4,
        GradientAccumulation = 2,
        WarmupSteps = 1,
        Averaging = 0.5,
        StateInterval = 1000,
    };

    [TestMethod]
    public void Train_OfAllWeights_LearnsAndKeepsTheBest()
    {
        using TrainableModel model = Model();
        using var learner = new WeightLearner(Run(model), model);
        TrainingOutcome outcome = PrefixTrainer.Train(learner);
        Assert.AreNotSame(typeof(Learner).Assembly, typeof(WeightLearner).Assembly);
        Assert.AreEqual(model.Master.numel(), outcome.Summary.TrainedParameters);
        Assert.IsLessThan(outcome.Summary.StartLoss - 0.1, outcome.Summary.BestLoss!.Value);
        learner.Restore(outcome.Kept);
        Assert.AreEqual(outcome.Summary.BestLoss.Value, learner.MeanLoss(learner.Run.Validation, () => { }));
    }

    [TestMethod]
    public void Train_StoppedAndResumed_EqualsUninterrupted()
    {
        WeightResuming.AssertEqualsUninterrupted(stopped =>
        {
            using TrainableModel model = Model();
            using var learner = new WeightLearner(stopped(Run(model)), model);
            return PrefixTrainer.Train(learner);
        });
    }

    private static TrainingRun Run(TrainableModel model) => new()
    {
        Model = model.Model,
        Examples = TinyTraining.Rows(24),
        Validation = TinyTraining.Rows(6, seed: 99),
        Options = Options,
        Seed = 1,
        LearningRate = 0.02,
    };

    private static TrainableModel Model()
    {
        using var folder = new TemporaryFolder();
        var shape = new BartShape(TinyTraining.Vocabulary, Width: 16, Layers: 1, Heads: 2, Inner: 32, Positions: 32);
        ModelFolder.WriteConfigs(shape, folder.Path);
        ModelConfig config = ModelConfig.Read(Path.Combine(folder.Path, "config.json"));
        Family family = Family.Of(config);
        TransformerSpec spec = family.Describe(config);
        using var scope = NewDisposeScope();
        return new TrainableModel(spec, family.Names(spec, config), shape.Start(seed: 1), ScalarType.Float32);
    }
}
