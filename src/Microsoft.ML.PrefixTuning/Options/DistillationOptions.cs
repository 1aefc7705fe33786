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
    /// <value>The default is greedy decoding, as long as <see cref="GenerationOptions.MaxNewTokens"/> says.</value>
    public GenerationOptions Continuations { get; init; } = new();

    /// <summary>Checks all that can be chosen.</summary>
    internal void Check(Faults faults)
    {
        faults.Temperature(Temperature, nameof(Temperature));
        faults.AtLeast(0, TopK, nameof(TopK));
        faults.ColumnName(ContinuationColumnName, nameof(ContinuationColumnName));
        if (faults.Given(Continuations, nameof(Continuations)))
            CheckContinuations(faults.Under(nameof(Continuations)));
        if (!faults.Given(Student, nameof(Student)))
            return;
        CheckStudent(faults.Under(nameof(Student)));
        if (Continuations is { } continuations && Student.Training is { } training)
        {
            // The teacher writes for the rows that the student is trained on.
            faults.Under(nameof(Continuations)).That(
                continuations.Truncation == default || continuations.Truncation == training.Truncation,
                nameof(continuations.Truncation), $"{training.Truncation}, as Student.Training.Truncation",
                continuations.Truncation);
        }
    }

    private void CheckContinuations(Faults faults)
    {
        Continuations.Check(faults);
        faults.That(Continuations.SequenceCount == 1, nameof(Continuations.SequenceCount), "1",
            Continuations.SequenceCount);
        faults.That(Continuations.ErrorColumnName is null, nameof(Continuations.ErrorColumnName), "null",
            $"'{Continuations.ErrorColumnName}'");
    }

    private void CheckStudent(Faults faults)
    {
        Student.Check(faults);
        faults.That(Student.AttributeColumnName is null, nameof(Student.AttributeColumnName),
            "null, since all rows have one teacher", $"'{Student.AttributeColumnName}'");
        faults.Under(nameof(Student.Prefix)).That(Student.Prefix?.Method is not TextMethod,
            nameof(Student.Prefix.Method), "a method that learns", PrefixMethod.Text.Name);
        if (Student.Training is { } training)
        {
            faults.Under(nameof(Student.Training)).That(training.LabelSmoothing == 0, nameof(training.LabelSmoothing),
                "0, since nothing is labelled", training.LabelSmoothing);
        }
    }
}
