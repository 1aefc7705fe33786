using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Checkpoints;
using Microsoft.ML.PrefixTuning.Fitting;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Models.Families;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.SmallBart.Training;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.SmallBart.Comparing;

/// <summary>
/// All weights of a base tuned, in float32, under the library's defaults for everything but the learning rate: batches,
/// warmup, decay, epochs, rows held out, the best epoch kept. Each epoch is as it is: no mean over the steps, no early
/// end.
/// </summary>
internal static class FullFineTuning
{
    private static readonly TrainingOptions Options = new() { Averaging = 0, EarlyStopping = null };

    /// <summary>Tunes, and writes the tuned model beside its files.</summary>
    /// <param name="source">The base's folder.</param>
    /// <param name="target">Folder of the tuned model, made here.</param>
    /// <param name="rows">Training rows.</param>
    /// <param name="rate">Highest learning rate.</param>
    /// <param name="seed">Seed of order and held-out rows.</param>
    /// <param name="measure">What is wanted of the tuned model: the loss of batches.</param>
    /// <returns>The mean loss of <paramref name="measure"/>, and how many numbers were trained.</returns>
    public static (double Loss, long Trained) Run(string source, string target, List<TrainingExample> rows, double rate,
        int seed, IReadOnlyList<TrainingExample[]> measure)
    {
        using TrainableModel model = Load(source);
        HeldOutRows split = HeldOutRows.Choose(rows, Options.ValidationFraction, seed);
        Train(new TrainingRun
        {
            Model = model.Model,
            Examples = split.Training,
            Validation = split.HeldOut,
            Options = Options,
            Seed = seed,
            LearningRate = rate,
        }, model);
        Directory.CreateDirectory(target);
        foreach (string file in Directory.EnumerateFiles(source))
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)), overwrite: true);
        ModelFolder.WriteWeights(model, target);
        return (FullTrainer.MeanLoss(model.Model, measure, SitePrefixes.None), model.Master.numel());
    }

    /// <summary>Trains in the library's loop and leaves the model at its best.</summary>
    private static void Train(TrainingRun run, TrainableModel model)
    {
        using var learner = new WeightLearner(run, model);
        learner.Restore(PrefixTrainer.Train(learner).Kept);
    }

    private static TrainableModel Load(string folder)
    {
        ModelConfig config = ModelConfig.Read(Path.Combine(folder, "config.json"));
        Family family = Family.Of(config);
        using FrozenBase asked = FrozenBase.Load(folder, ScalarType.Float32, CPU);
        using ITensorSource weights = CheckpointFolder.Open(folder);
        using var scope = NewDisposeScope();
        TensorNames names = family.Names(asked.Model.Spec, config);
        // The head's bias is none of BART's weights: it stays as it is, zero.
        IEnumerable<KeyValuePair<string, Tensor>> start = weights.TensorNames.Where(name => name != names.HeadBias)
            .Order(StringComparer.Ordinal)
            .Select(name => KeyValuePair.Create(name, weights.Read(name, ScalarType.Float32)));
        return new TrainableModel(asked.Model.Spec, names, start, ScalarType.Float32);
    }
}
