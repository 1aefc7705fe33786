using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using Microsoft.ML.PrefixTuning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.SmallBart.Training;

/// <summary>
/// Moves weights of a model in the library's training loop. There is no prefix: the base by itself is the model as it
/// stands.
/// </summary>
internal sealed class WeightLearner : Learner
{
    private const string Weights = "weights";

    private readonly IMovableWeights _model;
    private readonly AdamW _optimizer;
    private readonly PrefixPass _pass;

    /// <summary>Starts with moments of zero.</summary>
    /// <param name="run">A run whose base is the model's graph; its objective is the cross-entropy.</param>
    /// <param name="model">What is trained; stays the caller's.</param>
    public WeightLearner(TrainingRun run, IMovableWeights model) : base(run)
    {
        _model = model;
        Parameters = [new NamedParameter(Weights, model.Master)];
        _optimizer = new AdamW(Parameters, run.Options);
        _pass = new PrefixPass(run, SitePrefixes.None.Convention);
    }

    public override IReadOnlyList<NamedParameter> Parameters { get; }

    public override IEnumerable<KeyValuePair<string, Tensor>> State => _optimizer.State;

    public override IEnumerable<NamedValue> Signature => [NamedValue.Named("method", _model.Method)];

    public override StepResult Take(TrainingPlan plan, int step, int updates)
    {
        using var scope = NewDisposeScope();
        using var gradientsOn = enable_grad();
        // The masters are the state: they may be others than at the last look.
        _model.Refresh();
        IReadOnlyList<TrainingExample[]> batches = plan.Rows(step);
        int count = batches.Sum(batch => batch.Sum(row => TargetStates.Count(_model.Model, row)));
        (double sum, Tensor gradient) = Gradient(batches);
        double norm = AdamW.Norm([gradient]) / count, rate = plan.Schedule.At(step);
        var record = new StepRecord(sum / count, norm, rate);
        if (!record.Failed)
            _optimizer.Step([gradient], updates + 1, rate, _optimizer.ClipFactor(norm) / count);
        long tokens = batches.Sum(batch => RowPack.TokensOf(batch, Run.Packing));
        return new StepResult(record, !record.Failed, tokens, Places: 0);
    }

    public override double MeanLoss(IReadOnlyList<TrainingExample> rows, Action checkAlive)
    {
        using var scope = NewDisposeScope();
        _model.Refresh();
        return _pass.MeanLoss(rows, SitePrefixes.None.Values, checkAlive);
    }

    public override double BaseLoss(IReadOnlyList<TrainingExample> rows) =>
        MeanLoss(rows, Run.ThrowIfCancelled);

    /// <summary>What moves, as <see cref="IMovableWeights.Master"/> lies.</summary>
    public override IReadOnlyDictionary<string, StateTensor>? Keep()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        return _model.Master.isfinite().all().ToBoolean() ? new Dictionary<string, StateTensor>
        {
            [Weights] = new(_model.Master.shape, _model.Master.data<float>().ToArray()),
        } : null;
    }

    /// <summary>Puts kept weights back into the model.</summary>
    public void Restore(IReadOnlyDictionary<string, StateTensor> kept)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        StateTensor master = kept[Weights];
        _model.Master.copy_(AlignedTensor.Of(master.Values, master.Shape, CPU));
        _model.Refresh();
    }

    public override void Dispose() => _optimizer.Dispose();

    private (double Sum, Tensor Gradient) Gradient(IReadOnlyList<TrainingExample[]> batches)
    {
        double sum = 0;
        Tensor gradient = zeros_like(_model.Master);
        foreach (TrainingExample[] batch in batches)
        {
            Run.ThrowIfCancelled();
            TrainingExample[] rows = [.. batch.Where(row => TargetStates.Count(_model.Model, row) > 0)];
            if (rows.Length == 0)
                continue;
            using var scope = NewDisposeScope();
            (double part, Tensor ofPart) = _model.Gradient(
                _pass.States(rows, SitePrefixes.None.Values, Run.Packing));
            sum += part;
            gradient.PlusInPlace(ofPart);
        }
        return (sum, gradient);
    }
}
