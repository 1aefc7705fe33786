using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.SmallBart.Training;

/// <summary>
/// Moves all weights of a model by AdamW over batches without end. Owns the moments; the model stays the caller's.
/// </summary>
internal sealed class FullTrainer : IDisposable
{
    private readonly TrainableModel _model;

    /// <summary>Starts with moments of zero.</summary>
    /// <param name="model">What is trained.</param>
    /// <param name="options">Betas, epsilon, weight decay and clipping.</param>
    public FullTrainer(TrainableModel model, TrainingOptions options)
    {
        _model = model;
        Optimizer = new AdamW([new("weights", model.Master)], options);
    }

    /// <summary>Holds the moments.</summary>
    public AdamW Optimizer { get; }

    /// <summary>Steps taken.</summary>
    public int Updates { get; set; }

    /// <summary>One step; the gradient is that of the mean over the rows' target tokens.</summary>
    /// <param name="rows">Rows with target tokens.</param>
    /// <param name="rate">Learning rate.</param>
    /// <returns>The mean loss of the target tokens, in nats.</returns>
    /// <exception cref="InvalidOperationException">Loss or gradient is not finite.</exception>
    public double Step(IReadOnlyList<TrainingExample> rows, double rate)
    {
        using var scope = NewDisposeScope();
        TargetStates states = States(_model.Model, rows, SitePrefixes.None);
        long count = states.Labels.size(0);
        (double sum, Tensor gradient) = FullGradient.Of(_model, states);
        using var noGradient = no_grad();
        double norm = gradient.norm().ToSingle() / count;
        if (!double.IsFinite(sum) || !double.IsFinite(norm))
        {
            throw new InvalidOperationException($"Expected a finite loss and gradient, found loss {sum / count} and"
                + $" gradient norm {norm}: lower the learning rate.");
        }
        Optimizer.Step([gradient], ++Updates, rate, Optimizer.ClipFactor(norm) / count);
        _model.Refresh();
        return sum / count;
    }

    /// <summary>The mean loss over all target tokens of some batches, in nats.</summary>
    public double MeanLoss(IEnumerable<IReadOnlyList<TrainingExample>> batches) =>
        MeanLoss(_model.Model, batches, SitePrefixes.None);

    /// <summary>The same of any model and prefix.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batches">Rows.</param>
    /// <param name="prefix">Prefix of each site, in the model's type; none for the model alone.</param>
    public static double MeanLoss(LanguageModel model, IEnumerable<IReadOnlyList<TrainingExample>> batches,
        SitePrefixes prefix)
    {
        using var noGradient = no_grad();
        double sum = 0;
        long count = 0;
        foreach (IReadOnlyList<TrainingExample> batch in batches)
        {
            using var scope = NewDisposeScope();
            TargetStates states = States(model, batch, prefix);
            sum += TargetLoss.Sum(model, states.Hidden, states.Labels);
            count += states.Labels.size(0);
        }
        return sum / count;
    }

    public void Dispose() => Optimizer.Dispose();

    private static TargetStates States(LanguageModel model, IReadOnlyList<TrainingExample> rows, SitePrefixes prefix) =>
        TargetStates.Make(model, rows, prefix);
}
