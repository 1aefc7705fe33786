using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>One update of the parameters: the prefix is made once, the base runs once a micro-batch.</summary>
internal sealed class TrainingStep(TrainingRun run, AdamW optimizer)
{
    /// <summary>
    /// Runs forward and backward over the rows and moves the parameters, unless loss or gradient is not finite: then
    /// nothing changes.
    /// </summary>
    /// <param name="batches">The rows of each micro-batch.</param>
    /// <param name="step">Step, from 0.</param>
    /// <param name="rate">Learning rate.</param>
    /// <exception cref="OperationCanceledException">The run was cancelled; nothing has changed.</exception>
    public StepRecord Take(IReadOnlyList<TrainingExample[]> batches, int step, double rate)
    {
        using var scope = NewDisposeScope();
        using var gradientsOn = enable_grad();
        var made = run.Parametrization.Materialize(new SeededRandom(run.Seed, RandomPurpose.Dropout, step));
        AttentionSite[] sites = [.. made.Keys];
        Tensor[] leaves = sites.Select(site => made[site].detach().requires_grad_()).ToArray();
        (double loss, Tensor[]? ofLeaves) = Backward(batches, sites, leaves);
        if (ofLeaves is null)
            return new StepRecord(0, 0, rate);
        IReadOnlyList<Tensor> gradients = autograd.grad(sites.Select(site => made[site]).ToArray(),
            run.Parametrization.Parameters.Select(parameter => parameter.Value).ToArray(), ofLeaves).ToArray();
        double norm = AdamW.Norm(gradients);
        var record = new StepRecord(loss, norm, rate);
        if (!record.Failed)
            optimizer.Step(gradients, rate, ClipFactor(norm));
        return record;
    }

    /// <summary>
    /// Loss and gradient of the materialised prefix, added up over the micro-batches; no gradient where no row has a
    /// target token. The loss is a mean over target tokens whatever the gradient is divided by: validation losses are,
    /// too.
    /// </summary>
    private (double Loss, Tensor[]? Gradients) Backward(IReadOnlyList<TrainingExample[]> batches, AttentionSite[] sites,
        Tensor[] leaves)
    {
        int tokens = batches.Sum(batch => batch.Sum(row => TargetStates.Count(run.Model, row)));
        int parts = run.Options.Loss == TrainingLoss.SentenceSum ? batches.Sum(batch => batch.Length) : tokens;
        double loss = 0;
        Tensor[]? sums = null;
        foreach (TrainingExample[] batch in batches)
        {
            run.ThrowIfCancelled();
            TrainingExample[] rows = batch.Where(row => TargetStates.Count(run.Model, row) > 0).ToArray();
            if (rows.Length == 0)
                continue;
            using var scope = NewDisposeScope();
            TargetStates states = TargetStates.Make(run.Model, rows, run.PrefixOf(sites, leaves, rows));
            (double sum, Tensor ofHidden) = run.Objective.WithGradient(run.Model, states, rows);
            loss += sum / tokens;
            Tensor[] gradients =
                [.. autograd.grad([states.Hidden], leaves, [ofHidden.mul_(Scalars.Real(1.0 / parts))])];
            sums = Add(sums, gradients);
        }
        return (loss, sums);
    }

    private static Tensor[] Add(Tensor[]? sums, Tensor[] gradients)
    {
        using var noGradient = no_grad();
        if (sums is null)
            return Array.ConvertAll(gradients, gradient => gradient.MoveToOuterDisposeScope());
        for (int i = 0; i < sums.Length; i++)
            sums[i].PlusInPlace(gradients[i]);
        return sums;
    }

    /// <summary>As torch.nn.utils.clip_grad_norm_.</summary>
    private double ClipFactor(double norm) =>
        run.Options.ClipNorm == 0 ? 1 : Math.Min(1, run.Options.ClipNorm / (norm + 1e-6));
}
