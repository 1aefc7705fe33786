using System.Collections.Generic;
using System.Linq;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>The loss over rows without training.</summary>
internal static class PrefixScorer
{
    /// <summary>
    /// The mean loss of the base by itself, whose rows have the begin token that a prefix may hold for them.
    /// </summary>
    /// <param name="run">Base, batch size, cancellation.</param>
    /// <param name="rows">The rows.</param>
    public static double BaseLoss(TrainingRun run, IReadOnlyList<TrainingExample> rows) =>
        MeanLoss(run, [.. rows.Select(row => row.Behind(run.Opening))], new Dictionary<AttentionSite, Tensor>());

    /// <summary>The mean loss over all target tokens of some rows, in nats; 0 where they have none.</summary>
    /// <param name="run">Base, batch size, cancellation.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="prefix">Materialised sites; empty for the base alone.</param>
    public static double MeanLoss(TrainingRun run, IReadOnlyList<TrainingExample> rows,
        IReadOnlyDictionary<AttentionSite, Tensor> prefix)
    {
        using var noGradient = no_grad();
        AttentionSite[] sites = [.. prefix.Keys];
        Tensor[] values = sites.Select(site => prefix[site]).ToArray();
        TrainingExample[] scored = rows.Where(row => TargetStates.Count(run.Model, row) > 0).ToArray();
        double sum = 0;
        foreach (int[] batch in BatchPlan.Sorted(scored, run.Options.BatchSize))
        {
            run.ThrowIfCancelled();
            using var scope = NewDisposeScope();
            TrainingExample[] examples = batch.Select(row => scored[row]).ToArray();
            TargetStates states = TargetStates.Make(run.Model, examples, run.PrefixOf(sites, values, examples));
            sum += run.Objective.Sum(run.Model, states, examples);
        }
        int tokens = scored.Sum(row => TargetStates.Count(run.Model, row));
        return tokens == 0 ? 0 : sum / tokens;
    }
}
