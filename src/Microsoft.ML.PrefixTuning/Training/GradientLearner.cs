using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// Moves the parameters of a prefix along their gradient: a step makes the prefix once and runs the base once a
/// micro-batch.
/// </summary>
internal sealed class GradientLearner : PrefixLearner
{
    private readonly TrainedPrefix _parametrization;
    private readonly PrefixPass _pass;
    private readonly AdamW _optimizer;

    /// <summary>Starts with moments of zero.</summary>
    /// <param name="run">Base, rows and options.</param>
    /// <param name="parametrization">What is trained, in place; stays the caller's.</param>
    public GradientLearner(TrainingRun run, TrainedPrefix parametrization) : base(run)
    {
        _parametrization = parametrization;
        _pass = new PrefixPass(run, parametrization.Convention, parametrization.Groups);
        _optimizer = new AdamW(parametrization.Parameters, run.Options);
    }

    public override IReadOnlyList<NamedParameter> Parameters => _parametrization.Parameters;

    public override IEnumerable<KeyValuePair<string, Tensor>> State => _optimizer.State;

    public override IEnumerable<NamedValue> Signature =>
    [
        NamedValue.Named("method", _parametrization.Description),
        NamedValue.Named("prefix", string.Join(", ", Parameters.Select(
            parameter => $"{parameter.Name} [{string.Join(", ", parameter.Value.shape)}]"))),
        .. TrainingSignature.Of(_parametrization.Convention),
    ];

    public override bool? Recomputes => _pass.Recomputes;

    public override void Prepare(TrainingPlan plan) => _pass.Prepare(plan, _parametrization.Bake().Length,
        _parametrization.Convention.IsMemory);

    public override StepResult Take(TrainingPlan plan, int step, int updates)
    {
        IReadOnlyList<TrainingExample[]> batches = plan.Rows(step);
        (StepRecord record, bool hasMoved) = Move(batches, step, plan.Schedule.At(step), updates);
        return new StepResult(record, hasMoved, batches.Sum(batch => RowPack.TokensOf(batch, Run.Packing)),
            batches.Sum(batch => BatchPlan.Places(batch, Run.Packing)));
    }

    public override double MeanLoss(IReadOnlyList<TrainingExample> rows, Action checkAlive)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        return _pass.MeanLoss(rows, _parametrization.Materialize(), checkAlive);
    }

    public override double BaseLoss(IReadOnlyList<TrainingExample> rows) => _pass.BaseLoss(rows);

    /// <summary>The baked prefix of every group and site.</summary>
    public override IReadOnlyDictionary<string, StateTensor>? Keep()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        IReadOnlyDictionary<AttentionSite, Tensor> sites = _parametrization.Materialize();
        if (!sites.Values.All(site => site.isfinite().all().ToBoolean()))
            return null;
        return Enumerable.Range(0, _parametrization.Groups)
            .SelectMany(group => _parametrization.Bake(sites, group).Parts.Select(part => KeyValuePair.Create(
                $"{group}.{part.Key}", new StateTensor(part.Value.Shape, part.Value.Values))))
            .ToDictionary();
    }

    public override IReadOnlyList<Prefix> PrefixesOf(IReadOnlyDictionary<string, StateTensor> kept) =>
        [.. Enumerable.Range(0, _parametrization.Groups).Select(group => new Prefix(Parts(kept, $"{group}."),
            _parametrization.Convention))];

    public override void Dispose() => _optimizer.Dispose();

    private (StepRecord Record, bool HasMoved) Move(IReadOnlyList<TrainingExample[]> batches, int step,
        double rate, int updates)
    {
        using var scope = NewDisposeScope();
        using var gradientsOn = enable_grad();
        var made = PositionDropout.Apply(
            _parametrization.Materialize(new SeededRandom(Run.Seed, RandomPurpose.Dropout, step)),
            Run.Options.PrefixDropout, new SeededRandom(Run.Seed, RandomPurpose.Positions, step));
        var leaves = made.ToDictionary(site => site.Key, site => site.Value.detach().requires_grad_());
        (double loss, Tensor[]? ofLeaves) = Backward(batches, leaves);
        if (ofLeaves is null)
            return (new StepRecord(0, 0, rate), false);
        // Embeddings go through the base to be keys and values.
        Tensor[] gradients = WayBack.Gradients([.. made.Values],
            [.. Parameters.Select(parameter => parameter.Value)], ofLeaves);
        double norm = AdamW.Norm(gradients);
        var record = new StepRecord(loss, norm, rate);
        if (record.Failed)
            return (record, false);
        _optimizer.Step(gradients, updates + 1, rate, _optimizer.ClipFactor(norm));
        return (record, true);
    }

    /// <summary>
    /// Loss and gradient of the materialised prefix, added up over the micro-batches; no gradient where no row has a
    /// target token. The loss is a mean over target tokens whatever the gradient is divided by: validation losses are,
    /// too.
    /// </summary>
    private (double Loss, Tensor[]? Gradients) Backward(IReadOnlyList<TrainingExample[]> batches,
        IReadOnlyDictionary<AttentionSite, Tensor> leaves)
    {
        int tokens = batches.Sum(batch => batch.Sum(row => TargetStates.Count(Run.Model, row)));
        int parts = Run.Options.Loss == TrainingLoss.SentenceSum ? batches.Sum(batch => batch.Length) : tokens;
        Tensor[] all = [.. leaves.Values];
        TrainingExample[][] passes = [.. batches
            .Select(batch => batch.Where(row => TargetStates.Count(Run.Model, row) > 0).ToArray())
            .Where(rows => rows.Length > 0)];
        long[] places = Array.ConvertAll(passes, rows => BatchPlan.Places(rows, Run.Packing));
        (double[] losses, Tensor[]? gradients) = Run.Share.DoWithGradient(places, all, Pass, Run.ThrowIfCancelled,
            Parameters.Select(parameter => parameter.Value));
        return (losses.Aggregate(0.0, (sum, loss) => sum + loss / tokens), gradients);

        (double Loss, Tensor[] Gradients) Pass(int number)
        {
            Run.ThrowIfCancelled();
            TrainingExample[] rows = passes[number];
            TargetStates states = _pass.States(rows, leaves, Run.Packing);
            (double sum, Tensor ofHidden) = Run.Objective.WithGradient(Run.Model, states, rows);
            ofHidden.mul_(Scalars.Real(1.0 / parts));
            return (sum, [.. states.Gradient(ofHidden, all)]);
        }
    }

    private static IEnumerable<KeyValuePair<AttentionSite, SitePrefix>> Parts(
        IReadOnlyDictionary<string, StateTensor> kept, string ofGroup) =>
        from part in kept
        where part.Key.StartsWith(ofGroup, StringComparison.Ordinal)
        select KeyValuePair.Create(Enum.Parse<AttentionSite>(part.Key[ofGroup.Length..]),
            SitePrefix.Of(part.Value.Shape, part.Value.Values));
}
