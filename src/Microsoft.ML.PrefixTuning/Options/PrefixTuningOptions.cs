namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// All that can be chosen when a prefix is trained and used. Every default is meant to work at the first try.
/// </summary>
public sealed record PrefixTuningOptions
{
    /// <summary>What is trained: method, length, start.</summary>
    public PrefixOptions Prefix { get; init; } = new();

    /// <summary>How it is trained.</summary>
    public TrainingOptions Training { get; init; } = new();

    /// <summary>How text is written.</summary>
    public GenerationOptions Generation { get; init; } = new();

    /// <summary>
    /// How a row becomes a prompt: a text with <c>{input}</c> where the input column goes. Special tokens written here
    /// count as such; those in rows never do.
    /// </summary>
    /// <value>The default is <see langword="null"/>: <c>"{input}\n"</c>, and for encoder-decoder models, whose source
    /// has an end of its own, <c>"{input}"</c>.</value>
    public string? Template { get; init; }

    /// <summary>
    /// Text column whose value picks a row's prefix: a part that all values share, then a part of the value's own,
    /// trained together. It is needed for training and for use.
    /// </summary>
    /// <value>The default is <see langword="null"/>: one prefix for all rows.</value>
    public string? AttributeColumnName { get; init; }

    /// <summary>
    /// Tokens of the prefix, the last ones, that each value of the attribute column has for itself; fewer than all.
    /// Where training starts from a text, they start from column and value. Of <see cref="PrefixMethod.Memory"/> each
    /// value has a matrix of its own, added to the one that all share.
    /// </summary>
    /// <value>The default is <see langword="null"/>: half of <see cref="PrefixOptions.Length"/>.</value>
    public int? AttributeLength { get; init; }

    /// <summary>What becomes of a row whose attribute no training row had.</summary>
    /// <value>The default is <see cref="UnseenAttribute.Refuse"/>: an error that names row, column and value.</value>
    public UnseenAttribute UnseenAttribute { get; init; }

    /// <summary>
    /// Rows with the same columns whose loss decides on early stopping and on the best prefix. Their attributes must be
    /// among those of the training rows.
    /// </summary>
    /// <value>The default is <see langword="null"/>: <see cref="TrainingOptions.ValidationFraction"/> of the training
    /// rows is held out.</value>
    public IDataView? ValidationSet { get; init; }

    /// <summary>Type of the base's weights and matrix products.</summary>
    /// <value>The default is <see cref="ModelPrecision.Float32"/>; <see cref="ModelPrecision.BFloat16"/> is faster only
    /// on processors with AMX or AMD's AVX512-BF16, and on GPUs; <see cref="ModelPrecision.AsStored"/> is for bases
    /// that are large beside the memory, <see cref="ModelPrecision.Int8"/> and <see cref="ModelPrecision.Int4"/> are
    /// for writing.</value>
    public ModelPrecision Precision { get; init; } = ModelPrecision.Float32;

    /// <summary>The device by torch's name, such as <c>cpu</c> or <c>cuda:1</c>.</summary>
    /// <value>The default is <see langword="null"/>: <c>MLContext.GpuDeviceId</c> and <c>FallbackToCpu</c>
    /// decide.</value>
    public string? Device { get; init; }

    /// <summary>Threads of the processor among which torch divides its work; at most 1,024.</summary>
    /// <value>The default is <see langword="null"/>: torch's own, which is one a core or what the environment variable
    /// <c>OMP_NUM_THREADS</c> says. The last bits of products depend on it: texts and prefixes are the same to the byte
    /// only for the same number.</value>
    public int? Threads { get; init; }

    /// <summary>Whether saved models carry the base itself.</summary>
    /// <value>The default is <see langword="false"/>: the model says which base it needs.</value>
    public bool EmbedBase { get; init; }

    /// <summary>Checks all that can be chosen.</summary>
    internal void Check(Faults faults)
    {
        if (faults.Given(Prefix, nameof(Prefix)))
            Prefix.Check(faults.Under(nameof(Prefix)));
        if (faults.Given(Training, nameof(Training)))
            Training.Check(faults.Under(nameof(Training)));
        CheckUntrained(faults.Under(nameof(Training)));
        CheckAttributes(faults);
        if (faults.Given(Generation, nameof(Generation)))
            Generation.Check(faults.Under(nameof(Generation)));
        InputPlaceholder.Check(faults, Template);
        DeviceName.Check(faults, Device, Precision);
        faults.Within(1, OptionBounds.Threads, Threads ?? 1, nameof(Threads));
        faults.Known(Precision, nameof(Precision));
    }

    /// <summary>What means nothing where no number is trained, or no position has any.</summary>
    private void CheckUntrained(Faults faults)
    {
        if (Prefix?.Method is not (TriggerWordsMethod or TextMethod or MemoryMethod) || Training is not { } training)
            return;
        string method = Prefix.Method.Name;
        if (Prefix.Method is MemoryMethod)
        {
            faults.That(training.PrefixDropout == 0, nameof(training.PrefixDropout),
                $"0 for the method {method}, which has no positions", training.PrefixDropout);
            return;
        }
        faults.That(training.StateFile is null || Prefix.Method is TriggerWordsMethod, nameof(training.StateFile),
            $"null for the method {method}, which keeps no state", $"'{training.StateFile}'");
        faults.That(training.LearningRate is null, nameof(training.LearningRate),
            $"null for the method {method}, which trains no number", training.LearningRate ?? 0);
        faults.That(training.PrefixDropout == 0, nameof(training.PrefixDropout),
            $"0 for the method {method}, which trains no number", training.PrefixDropout);
        faults.That(training.AveragingGrowth == 0, nameof(training.AveragingGrowth),
            $"0 for the method {method}, which trains no number", training.AveragingGrowth);
    }

    private void CheckAttributes(Faults faults)
    {
        faults.Known(UnseenAttribute, nameof(UnseenAttribute));
        if (AttributeColumnName is null)
        {
            faults.That(AttributeLength is null, nameof(AttributeLength), "null without an attribute column",
                AttributeLength ?? 0);
            faults.That(UnseenAttribute != UnseenAttribute.UseSharedPart, nameof(UnseenAttribute),
                "the default without an attribute column", UnseenAttribute);
            return;
        }
        if (Prefix is null)
            return;
        faults.ColumnName(AttributeColumnName, nameof(AttributeColumnName));
        int length = Prefix.Start is PrefixValuesStart { Prefix: { } given } ? given.Length : Prefix.Length;
        Faults ofPrefix = faults.Under(nameof(Prefix));
        ofPrefix.That(length != 1, nameof(Prefix.Length), "2 or more with an attribute column", length);
        if (length > 1 && AttributeLength is { } own)
        {
            faults.That(own >= 1 && own < length, nameof(AttributeLength), $"1 to {length - 1} of {length} tokens",
                own);
        }
        ofPrefix.That(Prefix.Method is EveryLayerMethod or MemoryMethod, nameof(Prefix.Method),
            "Prefix or Memory with an attribute column", Prefix.Method?.Name ?? "null");
        faults.That(AttributeLength is null || Prefix.Method is not MemoryMethod, nameof(AttributeLength),
            "null for the method Memory, of which a value has as much for itself as it shares", AttributeLength ?? 0);
        ofPrefix.That(Prefix.Parametrization == Parametrization.Direct, nameof(Prefix.Parametrization),
            "Direct with an attribute column", Prefix.Parametrization?.Name ?? "null");
    }
}

/// <summary>Number type of the base.</summary>
public enum ModelPrecision
{
    /// <summary>32 bits; a row's text does not depend on its batch.</summary>
    Float32,

    /// <summary>Weights and matrix products in bfloat16; norms, softmax, loss and prefix in float32.</summary>
    BFloat16,

    /// <summary>
    /// BFloat16 where the processor says that it has instructions for it (AVX512-BF16 or AMX), else Float32. Decided by
    /// <c>Fit</c>; what it became is saved. Intel's AVX512-BF16 without AMX saves memory, not time: <c>Fit</c> says so.
    /// </summary>
    Automatic,

    /// <summary>
    /// Matrices stay in mapped memory as their file stores them (GGUF's blocks; in a folder, numbers of 16 bits) and
    /// are widened for each use: a base takes little more memory than its file, and time for the widening. Products
    /// are of the type that Automatic gives; which one that is, <c>Fit</c> decides, and it is saved.
    /// </summary>
    AsStored,

    /// <summary>
    /// For writing, on the CPU: matrices in 8 bits with a scale an output, a quarter of Float32's memory, are
    /// multiplied as they are, in prompts and in new tokens, each number made wide for it; all else is Float32. Texts
    /// of one or a few rows at a time are written faster, long prompts and many rows slower than in BFloat16 on a
    /// processor that has instructions for it. Training uses BFloat16.
    /// </summary>
    Int8,

    /// <summary>
    /// As Int8, in 4 bits: groups of 32 numbers with a scale and an offset. Q4_0, Q4_1 and Q4_K of a GGUF file keep
    /// their steps, other matrices lose more than in 8 bits; embedding and head are in 8 bits.
    /// </summary>
    Int4,
}
