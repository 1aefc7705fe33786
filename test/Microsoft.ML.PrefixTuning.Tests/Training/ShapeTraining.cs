using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Bases;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Tests.Models;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Tests.Training;

/// <summary>One training step on each shape of <see cref="GoldenLogits"/>: its loss and its whole gradient.</summary>
internal static class ShapeTraining
{
    private const int Rows = 5;

    /// <summary>Takes the first step of a prefix at every site on rows of several lengths.</summary>
    /// <param name="shape">Name of the shape.</param>
    /// <param name="options">What the step is tried with.</param>
    /// <param name="convention">What the prefix does to the tokens; null for what is usual.</param>
    /// <param name="form">How the base is kept; null for float32.</param>
    public static FirstStep Step(string shape, TrainingOptions options, PrefixConvention? convention = null,
        BaseForm? form = null) =>
        GoldenLogits.With(new GoldenLogits(shape).Read(), model => Step(model, options, convention), form);

    /// <summary>The same on a model.</summary>
    public static FirstStep Step(LanguageModel model, TrainingOptions options, PrefixConvention? convention = null)
    {
        bool both = model.Spec.IsEncoderDecoder;
        Prefix start = PrefixInitializer.Make(new StartRequest
        {
            Model = model,
            Start = PrefixStart.Random(0.5),
            Sites = both ? Enum.GetValues<AttentionSite>() : [AttentionSite.Decoder],
            Length = 3,
            Convention = convention ?? (both ? PrefixConvention.EncoderDecoder : PrefixConvention.DecoderOnly),
            Seed = 1,
        });
        using var parametrization = new TrainedKeyValues(start, CPU);
        var run = new TrainingRun
        {
            Model = model,
            Examples = [.. Enumerable.Range(0, Rows).Select(row => Example(row, model.Spec.VocabularySize))],
            // Without a mean, the optimiser's first moment is the gradient.
            Options = options with { BatchSize = Rows, Beta1 = 0, ClipNorm = 0, MaxEpochs = 1, WarmupSteps = 0 },
            Seed = 1,
            LearningRate = 0.01,
        };
        using var learner = new GradientLearner(run, parametrization);
        StepRecord record = learner.Take(new TrainingPlan(run), 0, 0).Record;
        return new FirstStep(record.Loss, learner.State.Where(IsMoment).Select(tensor =>
            tensor.Value.data<float>().ToArray()).ToArray());
    }

    private static bool IsMoment(KeyValuePair<string, Tensor> tensor) =>
        tensor.Key.StartsWith("mean.", StringComparison.Ordinal);

    private static TrainingExample Example(int row, int vocabulary)
    {
        int[] ids = [.. Enumerable.Range(0, 7 + 3 * row).Select(i => (5 + 11 * i + row * i * i) % vocabulary)];
        return new TrainingExample(ids[..(4 + 2 * row)], ids[(4 + 2 * row)..], Row: row);
    }
}

/// <summary>What a first step came to.</summary>
/// <param name="Loss">Its loss.</param>
/// <param name="Gradients">The gradient of every parameter.</param>
internal sealed record FirstStep(double Loss, float[][] Gradients)
{
    /// <summary>The largest difference of two gradients, as a share of the largest number of this one.</summary>
    public double Difference(FirstStep other) =>
        Gradients.Zip(other.Gradients, (left, right) => left.Zip(right, (a, b) => Math.Abs(a - b)).Max()
            / left.Max(Math.Abs)).Max();
}
