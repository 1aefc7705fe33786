namespace Microsoft.ML.PrefixTuning;

/// <summary>All that can be chosen when a long context is distilled into a short prefix.</summary>
public sealed record DistillationOptions
{
    /// <summary>The student: its length, how it is trained and what it is used with. No label is needed.</summary>
    /// <value>The default is a prefix of 20 tokens that starts as the first 20 of the teacher, with the training that
    /// prefix-tuning has.</value>
    public PrefixTuningOptions Student { get; init; } = new();

    /// <summary>
    /// What the logits of teacher and student are divided by before they are compared; above 1 the less probable tokens
    /// count more. The divergence is multiplied with its square.
    /// </summary>
    /// <value>The default is 1.</value>
    public double Temperature { get; init; } = 1;

    /// <summary>
    /// How many of the teacher's most probable tokens are kept and compared one by one, all others as one; 0 keeps
    /// whole distributions, as one hidden state a token. A small number takes less memory where the base is wide, and
    /// less time.
    /// </summary>
    /// <value>The default is 0.</value>
    public int TopK { get; init; }

    /// <summary>A text column whose texts the distributions are compared on.</summary>
    /// <value>The default is <see langword="null"/>: on what the teacher itself writes for each row.</value>
    public string? ContinuationColumnName { get; init; }

    /// <summary>How the teacher writes where there is no such column.</summary>
    /// <value>The default is greedy decoding of at most 128 tokens.</value>
    public GenerationOptions Continuations { get; init; } = new();
}
