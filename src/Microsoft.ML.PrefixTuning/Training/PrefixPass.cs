using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>A run's rows through the base behind a prefix. Tensors belong to the dispose scope of the caller.</summary>
/// <param name="run">Base, objective, batch size, cancellation.</param>
/// <param name="convention">What the prefix does to the tokens.</param>
/// <param name="groups">K: prefixes of which each row takes one.</param>
internal sealed class PrefixPass(TrainingRun run, PrefixConvention convention, int groups = 1)
{
    /// <summary>Whether layers are run a second time for their gradient; equal bytes either way.</summary>
    public bool Recomputes { get; private set; } = run.Options.Recompute == Recomputation.Always;

    /// <summary>
    /// Sees to it that the passes of a training fit into memory; of several processes, as the first one decides for the
    /// one that has the least. Those of a machine share what is free there. Where layers are run twice, large blocks of
    /// memory go back to the system from now on, if the host of the process offers it.
    /// </summary>
    /// <param name="plan">The passes.</param>
    /// <param name="prefixLength">P.</param>
    /// <param name="recalls">Whether heads have a memory outside of the softmax.</param>
    /// <exception cref="InvalidOperationException">They do not.</exception>
    public void Prepare(TrainingPlan plan, int prefixLength, bool recalls = false)
    {
        var memory = new MemoryPlan(run, plan, prefixLength, recalls);
        long? free = run.Share.LeastPart(memory.FindFree());
        Recomputes = run.Share.OfFirst(() => memory.Decide(free) ? 1 : 0) == 1;
        if (Recomputes)
            memory.SpareHoles();
    }

    /// <summary>One batch through the base.</summary>
    /// <param name="rows">The rows; at least one target token.</param>
    /// <param name="prefix">
    /// The prefix of each site, float32: [N, 2, G, P, D], or [N, 2, K, G, P, D] with several groups; of a memory
    /// [N, 1, H, D, D].
    /// </param>
    /// <param name="packing">What rows of one source have in common.</param>
    public TargetStates States(IReadOnlyList<TrainingExample> rows,
        IReadOnlyDictionary<AttentionSite, Tensor> prefix, RowPacking packing = RowPacking.None) =>
        TargetStates.Make(run.Model, rows, OfRows(rows, prefix, packing),
            Recomputes && is_grad_enabled() ? new LayerTape(run.ThrowIfCancelled) : null, packing);

    /// <summary>The mean loss over all target tokens of some rows, in nats; 0 where they have none.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="prefix">As in <see cref="States"/>.</param>
    /// <param name="checkAlive">Called before every forward pass; throws to end training.</param>
    /// <param name="share">Who does it; null for all processes of the run.</param>
    public double MeanLoss(IReadOnlyList<TrainingExample> rows, IReadOnlyDictionary<AttentionSite, Tensor> prefix,
        Action checkAlive, WorkShare? share = null)
    {
        using var noGradient = no_grad();
        TrainingExample[] scored = rows.Where(row => TargetStates.Count(run.Model, row) > 0).ToArray();
        TrainingExample[][] passes = [.. BatchPlan.Sorted(scored, run.Options.BatchSize)
            .SelectMany(batch => BatchPlan.Passes(batch.Select(row => scored[row]), run.Options.MaxTokensPerPass))];
        double[] sums = (share ?? run.Share).Do([.. passes.Select(pass => BatchPlan.Places(pass))], number =>
        {
            checkAlive();
            using var scope = NewDisposeScope();
            return run.Objective.Sum(run.Model, States(passes[number], prefix), passes[number]);
        }, checkAlive);
        int tokens = scored.Sum(row => TargetStates.Count(run.Model, row));
        return tokens == 0 ? 0 : sums.Aggregate(0.0, (sum, part) => sum + part) / tokens;
    }

    /// <summary>
    /// The mean loss of the base by itself, whose rows have the begin token that a prefix may hold for them.
    /// </summary>
    /// <param name="rows">The rows.</param>
    public double BaseLoss(IReadOnlyList<TrainingExample> rows) =>
        MeanLoss([.. rows.Select(row => row.Behind(run.Opening))], SitePrefixes.None.Values, run.ThrowIfCancelled);

    /// <summary>The prefix as the rows of a batch see it: in the type of the base, each row's own group.</summary>
    private SitePrefixes OfRows(IReadOnlyList<TrainingExample> rows,
        IReadOnlyDictionary<AttentionSite, Tensor> prefix, RowPacking packing)
    {
        return new SitePrefixes(prefix.ToDictionary(site => site.Key, site =>
            (groups == 1 ? site.Value : site.Value.index_select(SitePrefixes.GroupAxis, OwnOf(site.Key)))
                .to(run.Model.Type)), convention);

        Tensor OwnOf(AttentionSite site)
        {
            // Behind one encoding, rows are apart in the decoder.
            RowPacking ofSite = packing == RowPacking.OneEncoding && site == AttentionSite.Decoder ? RowPacking.None
                : packing;
            return tensor(RowPack.Of(rows, ofSite).Select(pack => (long)pack.Group).ToArray(),
                device: run.Model.Device);
        }
    }
}
