using System;
using System.Collections.Generic;
using System.Threading;
using Microsoft.ML.PrefixTuning.Models;

namespace Microsoft.ML.PrefixTuning.Sweeps;

/// <summary>Trains the runs of a sweep: prefixes here, other things elsewhere in this repository.</summary>
internal interface ISweepTrainer
{
    /// <summary>What all runs have in common, by name: rows and base. Another folder is refused by it.</summary>
    IEnumerable<NamedValue> Identity { get; }

    /// <summary>Trains one, or goes on with it.</summary>
    /// <exception cref="OperationCanceledException">
    /// The job was cancelled, or the context it runs in; its state is kept.
    /// </exception>
    SweepOutcome Train(SweepJob job);
}

/// <summary>One run to be trained.</summary>
/// <param name="Candidate">With what.</param>
/// <param name="Seed">Its seed.</param>
internal sealed record SweepJob(SweepCandidate Candidate, int Seed)
{
    /// <summary>File of the training's state.</summary>
    public required string StateFile { get; init; }

    /// <summary>File that takes the trained model.</summary>
    public required string ModelFile { get; init; }

    /// <summary>Epochs after which it rests; null for none.</summary>
    public int? Epochs { get; init; }

    /// <summary>Called after every step.</summary>
    public Action<TrainingProgress>? Progress { get; init; }

    /// <summary>Ends the sweep.</summary>
    public CancellationToken CancellationToken { get; init; }
}

/// <summary>What came of a run.</summary>
/// <param name="Summary">The training; cancelled where it rests.</param>
internal sealed record SweepOutcome(TrainingSummary Summary)
{
    /// <summary>Whether it rests and is neither measured nor saved.</summary>
    public bool IsPaused => Summary.End == TrainingEnd.Cancelled;

    /// <summary>Number type of the products in training.</summary>
    public required ModelPrecision Precision { get; init; }

    /// <summary>Bytes of what is stored.</summary>
    public long StoredBytes { get; init; }

    /// <summary>Measures of the test rows' texts, by name.</summary>
    public IReadOnlyDictionary<string, double> Measures { get; init; } = new Dictionary<string, double>();

    /// <summary>What must be known of the measures.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Texts of the first inputs.</summary>
    public IReadOnlyList<SweepText> Texts { get; init; } = [];

    /// <summary>Time of writing and measuring.</summary>
    public TimeSpan WritingTime { get; init; }

    /// <summary>Whether the model's file was written.</summary>
    public bool HasModel { get; init; }
}
