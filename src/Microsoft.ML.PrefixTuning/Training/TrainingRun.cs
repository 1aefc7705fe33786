using System;
using System.Collections.Generic;
using Microsoft.ML.PrefixTuning.Files;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>All that one training needs. Owns nothing.</summary>
internal sealed record TrainingRun
{
    /// <summary>The base.</summary>
    public required LanguageModel Model { get; init; }

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

    /// <summary>What may help where the start is worse than the base alone: a sentence.</summary>
    public string StartAdvice { get; init; } = PrefixStart.TextAdvice;

    /// <summary>Where the state is kept; null for nowhere.</summary>
    public ITrainingStateFile? State { get; init; }

    /// <summary>Called after every step.</summary>
    public Action<TrainingProgress>? Progress { get; init; }

    /// <summary>Told that a training goes on from its state, or has nothing left to do.</summary>
    public Action<string>? Say { get; init; }

    /// <summary>Told at once what a user should not hear only when training has ended.</summary>
    public Action<string>? Warn { get; init; }

    /// <summary>Tells how many bytes of memory are free, or that it is not known; null where nobody asks.</summary>
    public Func<long?>? FreeMemory { get; init; }

    /// <summary>
    /// Gives memory back that the process keeps though nothing is in it, and says whether there was any; null for
    /// nothing.
    /// </summary>
    public Func<bool>? GiveBack { get; init; }

    /// <summary>How the process has large blocks of memory; null for as they come.</summary>
    public LargeBlocks? Blocks { get; init; }

    /// <summary>
    /// Called before every forward pass; throws <see cref="OperationCanceledException"/> to end training.
    /// </summary>
    public Action? CheckAlive { get; init; }

    /// <summary>Batches of each epoch; null means shuffled ones of similar lengths, or of whole sources.</summary>
    public BatchOrder? Order { get; init; }

    /// <summary>
    /// What rows of one source have in common in the passes of a step; in those that only measure, it is nothing.
    /// </summary>
    public RowPacking Packing => !Options.SharedSources ? RowPacking.None
        : Model.Spec.IsEncoderDecoder ? RowPacking.OneEncoding : RowPacking.OneRow;

    /// <summary>What this process does of the work, and what comes of all of it.</summary>
    public WorkShare Share => new(Options.Workers);

    /// <summary>Ends training where its token or the caller says so.</summary>
    /// <exception cref="OperationCanceledException">They do.</exception>
    public void ThrowIfCancelled()
    {
        Options.CancellationToken.ThrowIfCancellationRequested();
        CheckAlive?.Invoke();
    }
}
