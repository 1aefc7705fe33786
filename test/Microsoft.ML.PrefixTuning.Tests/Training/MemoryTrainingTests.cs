using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.ML.PrefixTuning.Training;
using Microsoft.VisualStudio.TestTools.UnitTesting;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>Training of a memory outside of the softmax (<see cref="PrefixMethod.Memory"/>).</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class MemoryTrainingTests
{
    public static IEnumerable<object[]> Shapes => GoldenLogits.Names.Select(name => new object[] { name });

    /// <summary>Of the steepest places a small step up and one down tell the same, in every family.</summary>
    [TestMethod]
    [DynamicData(nameof(Shapes))]
    public void Gradient_OfAMemory_IsTheSlopeOfTheLoss(string shape) =>
        GoldenLogits.With(new GoldenLogits(shape).Read(), model =>
        {
            using var scope = NewDisposeScope();
            int vocabulary = model.Spec.VocabularySize;
            TrainingExample[] rows = [.. Enumerable.Range(0, 3).Select(row => new TrainingExample(
                [.. Enumerable.Range(0, 4 + row).Select(i => (5 + 11 * i + row) % vocabulary)],
                [.. Enumerable.Range(0, 5).Select(i => (9 + 7 * i + row * i) % vocabulary)], Row: row))];
            using var memories = new TrainedMemories(Memories.Random(model.Spec, 1, 0.2), CPU);
            foreach (NamedParameter parameter in memories.Parameters)
            {
                double[] gradient = Gradient(model, rows, memories, parameter.Value);
                Assert.IsGreaterThan(0.1, gradient.Max(Math.Abs), shape);
                foreach (int place in Enumerable.Range(0, gradient.Length)
                    .OrderByDescending(place => Math.Abs(gradient[place])).Take(3))
                {
                    Assert.AreEqual(gradient[place], Slope(model, rows, memories, parameter.Value, place),
                        0.02 * Math.Abs(gradient[place]) + 0.02, $"{shape}, {parameter.Name}, {place}");
                }
            }
            return true;
        });

    /// <summary>All of a memory moves from the start, where it is zero and the base is as it was.</summary>
    [TestMethod]
    public void Start_OfAMemory_IsTheBaseWithAGradientOfEveryNumber()
    {
        using LanguageModel model = TinyTraining.Model();
        using var scope = NewDisposeScope();
        TrainingExample[] rows = TinyTraining.Rows(4);
        using TrainedMemories memories = Zero(model);
        Assert.AreEqual(Loss(model, rows, SitePrefixes.None), Loss(model, rows, Sites(memories)));
        Assert.IsTrue(Gradient(model, rows, memories, memories.Parameters[0].Value).All(value => value != 0));
    }

    [TestMethod]
    public void Train_OfAMemory_LearnsAtItsDefaultRate()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedMemories memories = Zero(model);
        Assert.AreEqual(3e-4, memories.DefaultLearningRate);
        TrainingSummary summary = Trained.By(TinyTraining.Run(model, new TrainingOptions { MaxEpochs = 8 }) with
        {
            LearningRate = memories.DefaultLearningRate,
            Validation = TinyTraining.Rows(6, seed: 99),
        }, memories).Summary;
        Assert.AreEqual(2L * 4 * 8 * 8, summary.TrainedParameters);
        Assert.AreEqual(summary.BaseLoss, summary.StartLoss, 1e-6);
        Assert.IsLessThan(summary.StartLoss, summary.BestLoss!.Value);
    }

    /// <summary>With as much free memory as a prefix without tokens needs, layers of a memory are run twice.</summary>
    [TestMethod]
    public void Prepare_OfAMemory_CountsWhatItKeeps()
    {
        using LanguageModel model = TinyTraining.Model();
        using TrainedMemories memories = Zero(model);
        var rows = new TrainingExample[2];
        Array.Fill(rows, new TrainingExample(new int[1950], new int[50]));
        // A quarter more than the estimate is asked for.
        long free = (long)(1.25 * new PassMemory(model.Spec, ScalarType.Float32, 0).Of(rows, recomputes: false)) + 1;
        long more = (long)(1.25 * new PassMemory(model.Spec, ScalarType.Float32, 0, recalls: true)
            .Of(rows, recomputes: false)) + 1;

        Assert.IsTrue(Recomputes(free));
        Assert.IsFalse(Recomputes(more));

        bool? Recomputes(long bytes)
        {
            using var learner = new GradientLearner(
                TinyTraining.Run(model, new TrainingOptions()) with { Examples = rows, FreeMemory = () => bytes },
                memories);
            learner.Prepare(new TrainingPlan(learner.Run));
            return learner.Recomputes;
        }
    }

    [TestMethod]
    public void Train_OfAMemoryStoppedAndResumed_EqualsUninterrupted()
    {
        using LanguageModel model = TinyTraining.Model();
        Trained whole = Train(null, int.MaxValue);
        for (int stop = 1; stop < whole.Steps.Count; stop += 3)
        {
            var state = new MemoryState();
            Assert.ThrowsExactly<OperationCanceledException>(() => Train(state, stop));
            Trained resumed = Train(state, int.MaxValue);
            CollectionAssert.AreEqual(TinyTraining.Values(whole.Best), TinyTraining.Values(resumed.Best),
                $"stopped after {stop}");
            CollectionAssert.AreEqual(whole.Steps.ToArray(), resumed.Steps.ToArray());
        }
        Assert.IsTrue(whole.Best.IsMemory);

        Trained Train(MemoryState? state, int stopAfter)
        {
            using TrainedMemories memories = Zero(model);
            int passes = 0;
            return Trained.By(TinyTraining.Run(model, new TrainingOptions
            {
                MaxEpochs = 2,
                BatchSize = 4,
                GradientAccumulation = 2,
                StateInterval = 1000,
                Averaging = 0.5,
                MaxTokensPerPass = 30,
            }) with
            {
                State = state,
                LearningRate = 0.01,
                Validation = TinyTraining.Rows(4, seed: 5),
                Progress = progress => passes = progress.Step,
                CheckAlive = () =>
                {
                    if (passes >= stopAfter)
                        throw new OperationCanceledException();
                },
            }, memories);
        }
    }

    private static TrainedMemories Zero(LanguageModel model) => new(TrainedMemories.Start(new StartRequest
    {
        Model = model,
        Start = PrefixStart.DefaultText,
        Sites = [AttentionSite.Decoder],
        Length = 0,
        Convention = PrefixConvention.Memory,
    }), CPU);

    private static SitePrefixes Sites(TrainedMemories memories) => new(memories.Materialize(), memories.Convention);

    private static double[] Gradient(LanguageModel model, TrainingExample[] rows, TrainedMemories memories,
        Tensor parameter)
    {
        using var scope = NewDisposeScope();
        using var gradientsOn = enable_grad();
        TargetStates states = TargetStates.Make(model, rows, Sites(memories));
        (_, Tensor ofHidden) = TargetLoss.WithGradient(model, states.Hidden, states.Labels, smoothing: 0);
        return [.. states.Gradient(ofHidden, [parameter])[0].data<float>().Select(value => (double)value)];
    }

    private static double Loss(LanguageModel model, TrainingExample[] rows, SitePrefixes prefix)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        TargetStates states = TargetStates.Make(model, rows, prefix);
        return TargetLoss.Sum(model, states.Hidden, states.Labels);
    }

    /// <summary>The loss after a step up, less that after a step down, over both.</summary>
    private static double Slope(LanguageModel model, TrainingExample[] rows, TrainedMemories memories,
        Tensor parameter, int place)
    {
        const float Step = 4e-3f;
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Tensor number = parameter.view(-1)[place];
        float start = number.item<float>();
        double up = At(start + Step), down = At(start - Step);
        number.fill_(start);
        return (up - down) / (2 * Step);

        double At(float value)
        {
            number.fill_(value);
            return Loss(model, rows, Sites(memories));
        }
    }
}
