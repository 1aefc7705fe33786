using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>All that one training needs. Owns nothing.</summary>
internal sealed record TrainingRun
{
    /// <summary>The frozen base.</summary>
    public required LanguageModel Model { get; init; }

    /// <summary>What is trained; moved in place.</summary>
    public required TrainedPrefix Parametrization { get; init; }

    /// <summary>Rows to learn from, at least one.</summary>
    public required IReadOnlyList<TrainingExample> Examples { get; init; }

    /// <summary>Rows whose loss decides on early stopping and on the best prefix; may be empty.</summary>
    public IReadOnlyList<TrainingExample> Validation { get; init; } = [];

    /// <summary>
    /// How it is trained; <see cref="TrainingOptions.Seed"/>, <see cref="TrainingOptions.LearningRate"/> and
    /// <see cref="TrainingOptions.Progress"/> are taken from this record and not from there.
    /// </summary>
    public required TrainingOptions Options { get; init; }

    /// <summary>What is made small; the targets' cross-entropy unless another is set.</summary>
    public ITrainingObjective Objective { get => field ?? new CrossEntropyObjective(Options.LabelSmoothing); init; }

    /// <summary>Seed of order and dropout.</summary>
    public required int Seed { get; init; }

    /// <summary>Highest learning rate.</summary>
    public required double LearningRate { get; init; }

    /// <summary>
    /// Tokens that open a source where no prefix holds them: the base by itself is measured with them.
    /// </summary>
    public int[] Opening { get; init; } = [];

    /// <summary>Which base it is; a saved state names it. Null where no state is kept.</summary>
    public BaseIdentity? Base { get; init; }

    /// <summary>The column by whose values rows are grouped; null where all have one prefix.</summary>
    public string? GroupColumn { get; init; }

    /// <summary>The value of each group.</summary>
    public IReadOnlyList<string> GroupValues { get; init; } = [];

    /// <summary>Where training starts, as text; a saved state names it.</summary>
    public string StartIdentity { get; init; } = "";

    /// <summary>Where the state is kept; null for nowhere.</summary>
    public ITrainingStateFile? State { get; init; }

    /// <summary>Called after every step.</summary>
    public Action<TrainingProgress>? Progress { get; init; }

    /// <summary>Told at once what a user should not hear only when training has ended.</summary>
    public Action<string>? Warn { get; init; }

    /// <summary>
    /// Called before every forward pass; throws <see cref="OperationCanceledException"/> to end training.
    /// </summary>
    public Action? CheckAlive { get; init; }

    /// <summary>Batches of each epoch; null means shuffled ones of similar lengths.</summary>
    public BatchOrder? Order { get; init; }

    /// <summary>Ends training where its token or the caller says so.</summary>
    /// <exception cref="OperationCanceledException">They do.</exception>
    public void ThrowIfCancelled()
    {
        Options.CancellationToken.ThrowIfCancellationRequested();
        CheckAlive?.Invoke();
    }

    /// <summary>
    /// Materialised sites as the rows of a batch see them: in the type of the base, each row's own group.
    /// </summary>
    /// <param name="sites">Which attentions.</param>
    /// <param name="values">
    /// Their prefixes, float32: [N, 2, G, P, D], or [N, 2, K, G, P, D] with several groups.
    /// </param>
    /// <param name="rows">The rows.</param>
    public SitePrefixes PrefixOf(AttentionSite[] sites, Tensor[] values, TrainingExample[] rows)
    {
        Tensor? groups = Parametrization.Groups == 1 ? null
            : tensor(Array.ConvertAll(rows, row => (long)row.Group), device: Model.Device);
        var prefix = new Dictionary<AttentionSite, Tensor>();
        for (int i = 0; i < sites.Length; i++)
        {
            Tensor own = groups is null ? values[i] : values[i].index_select(SitePrefixes.GroupAxis, groups);
            prefix.Add(sites[i], own.to(Model.Type));
        }
        return new SitePrefixes(prefix, Parametrization.Convention);
    }
}
