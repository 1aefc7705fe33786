using System.Collections.Generic;

namespace Microsoft.ML.PrefixTuning;

/// <summary>One training of a sweep and what came of it: a line of <c>runs.jsonl</c>.</summary>
public sealed record SweepRun
{
    /// <summary>Number, from 1: candidates in their order, each with its seeds.</summary>
    public required int Number { get; init; }

    /// <summary>Name of the candidate.</summary>
    public required string Name { get; init; }

    /// <summary>What distinguishes the candidate, by name.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>All of the candidate's options as C#, which name what is not a default; empty in older lines.</summary>
    public string Code { get; init; } = "";

    /// <summary>Seed of order, held-out rows, drawn rows and random starts.</summary>
    public required int Seed { get; init; }

    /// <summary>How far it is.</summary>
    public SweepRunStatus Status { get; init; }

    /// <summary>Why it failed; null where it did not.</summary>
    public string? Error { get; init; }

    /// <summary>Epochs after which it rests until it is compared; null where it does not.</summary>
    public int? PausedEpochs { get; init; }

    /// <summary>Loss of the base without a prefix over the held-out rows, in nats a target token.</summary>
    public double? BaseLoss { get; init; }

    /// <summary>Loss of the untrained prefix over them.</summary>
    public double? StartLoss { get; init; }

    /// <summary>Loss of the kept prefix over them: this decides.</summary>
    public double? HeldOutLoss { get; init; }

    /// <summary>The step whose prefix was kept.</summary>
    public int BestStep { get; init; }

    /// <summary>Epochs begun.</summary>
    public int Epochs { get; init; }

    /// <summary>Why training ended; null where it did not yet.</summary>
    public TrainingEnd? End { get; init; }

    /// <summary>Loss of every step, in nats a target token.</summary>
    public IReadOnlyList<double> Losses { get; init; } = [];

    /// <summary>Losses of the held-out rows; the first one is that of the untrained prefix.</summary>
    public IReadOnlyList<ValidationLoss> HeldOutLosses { get; init; } = [];

    /// <summary>Measures of the texts written for the test rows, by name; empty without such rows.</summary>
    public IReadOnlyDictionary<string, double> Measures { get; init; } = new Dictionary<string, double>();

    /// <summary>
    /// What must be known of measures that do not mean what they usually mean, a sentence each
    /// (<see cref="TextGenerationMetrics.Notes"/>).
    /// </summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Texts written for the first inputs.</summary>
    public IReadOnlyList<SweepText> Texts { get; init; } = [];

    /// <summary>
    /// Number type of the products in training, as it was decided where the run was made; null before.
    /// </summary>
    public ModelPrecision? Precision { get; init; }

    /// <summary>Rows trained on.</summary>
    public int TrainingRows { get; init; }

    /// <summary>Rows held out or given for validation.</summary>
    public int HeldOutRows { get; init; }

    /// <summary>Real tokens that went through the base in training.</summary>
    public long Tokens { get; init; }

    /// <summary>Time of training, in seconds.</summary>
    public double TrainingSeconds { get; init; }

    /// <summary>Time of writing and measuring texts, in seconds.</summary>
    public double WritingSeconds { get; init; }

    /// <summary>
    /// The most memory that the process had while it trained, in bytes, as seen after each step; the loaded base is
    /// part of it.
    /// </summary>
    public long PeakMemory { get; init; }

    /// <summary>Numbers that training moved.</summary>
    public long TrainedParameters { get; init; }

    /// <summary>Bytes that the task takes beside its base: the kept numbers as they are stored.</summary>
    public long StoredBytes { get; init; }

    /// <summary>File of the trained model within the sweep's folder; null where there is none.</summary>
    public string? Model { get; init; }
}

/// <summary>A text that a run wrote.</summary>
/// <param name="Input">The input.</param>
/// <param name="Text">The text.</param>
public sealed record SweepText(string Input, string Text);

/// <summary>How far a run is.</summary>
public enum SweepRunStatus
{
    /// <summary>It was not run yet.</summary>
    Waiting,

    /// <summary>It rests until it is compared with others.</summary>
    Paused,

    /// <summary>It is done.</summary>
    Done,

    /// <summary>It was behind and is not gone on with.</summary>
    Stopped,

    /// <summary>It failed.</summary>
    Failed,
}
