namespace Microsoft.ML.PrefixTuning;

/// <summary>
/// What is learned in front of the frozen model. All methods come to a <see cref="PrefixTuning.Prefix"/>.
/// </summary>
public abstract record PrefixMethod
{
    private protected PrefixMethod()
    {
    }

    /// <summary>Keys and values for every layer (Li and Liang 2021).</summary>
    public static PrefixMethod Prefix { get; } = new EveryLayerMethod();

    /// <summary>
    /// Embeddings of <see cref="PrefixOptions.Length"/> tokens in front of the input (prompt tuning; Lester et al.
    /// 2021): few numbers, of which the base makes the keys and values. Decoder-only bases.
    /// </summary>
    public static PrefixMethod EmbeddingOnly { get; } = new EmbeddingMethod();

    /// <summary>
    /// Keys and values for every layer behind the input: the target sees them, the input does not (Li and Liang 2021,
    /// §7.3), but for its last token, which predicts the target's first one. Decoder-only bases.
    /// </summary>
    public static PrefixMethod Infix { get; } = new InfixMethod();

    /// <summary>
    /// A memory outside of the softmax (Prefix-Tuning+; Wang et al. 2025): a matrix M of every query head of
    /// self-attention in every layer; elu(q)^T M of the query before it is rotated is added to what the head takes from
    /// the values. It takes no tokens and starts at zero, where it adds nothing, or goes on with a prefix that is a
    /// memory; <see cref="PrefixOptions.Length"/>, <see cref="PrefixOptions.Parametrization"/> and
    /// <see cref="TrainingOptions.PrefixDropout"/> stay at their defaults. Cross-attention has none.
    /// </summary>
    public static PrefixMethod Memory { get; } = new MemoryMethod();

    /// <summary>
    /// The text of <see cref="PrefixOptions.Start"/> as it is: a prompt, of its own length, without training.
    /// </summary>
    public static PrefixMethod Text { get; } = new TextMethod();

    /// <summary>
    /// Words that a search finds (AutoPrompt; Shin et al. 2020): in every step the loss's first-order change names the
    /// most promising words for one place, and the best of these on other rows takes it if it is better than the word
    /// there. Validated every 20 steps and after every epoch. <see cref="TrainingSummary.TriggerWords"/> tells the
    /// words. Decoder-only bases. Of <see cref="TrainingOptions"/>, those of the optimizer (learning rate, warmup,
    /// decay, clipping) mean nothing here.
    /// </summary>
    /// <param name="candidates">Words tried a step, at most 10,000; each costs a forward pass.</param>
    /// <param name="steps">
    /// Steps, at most; <see cref="TrainingOptions.MaxSteps"/>, <see cref="TrainingOptions.MaxEpochs"/> and
    /// <see cref="TrainingOptions.EarlyStopping"/> may end the search earlier.
    /// </param>
    public static TriggerWordsMethod TriggerWords(int candidates = 16, int steps = 100) =>
        new() { Candidates = candidates, Steps = steps };

    /// <summary>As the options call it.</summary>
    internal abstract string Name { get; }
}

/// <summary>Keys and values for every layer.</summary>
internal sealed record EveryLayerMethod : PrefixMethod
{
    internal override string Name => nameof(Prefix);
}

/// <summary>Input embeddings.</summary>
internal sealed record EmbeddingMethod : PrefixMethod
{
    internal override string Name => nameof(EmbeddingOnly);
}

/// <summary>Keys and values behind the input.</summary>
internal sealed record InfixMethod : PrefixMethod
{
    internal override string Name => nameof(Infix);
}

/// <summary>Matrices of query heads, outside of the softmax.</summary>
internal sealed record MemoryMethod : PrefixMethod
{
    internal override string Name => nameof(Memory);
}

/// <summary>The text of the start as it is: nothing is learned.</summary>
internal sealed record TextMethod : PrefixMethod
{
    internal override string Name => nameof(Text);
}

/// <summary>Words that a search finds.</summary>
public sealed record TriggerWordsMethod : PrefixMethod
{
    /// <summary>Steps of the search, at most; the limits of a training may end it earlier.</summary>
    /// <value>The default is 100.</value>
    public int Steps { get; init; } = 100;

    /// <summary>Words tried a step, at most 10,000; each costs a forward pass.</summary>
    /// <value>The default is 16.</value>
    public int Candidates { get; init; } = 16;

    internal override string Name => nameof(TriggerWords);

    /// <summary>Checks its own members.</summary>
    internal void Check(Faults faults)
    {
        faults.Within(1, OptionBounds.Candidates, Candidates, "candidates");
        faults.AtLeast(1, Steps, "steps");
    }
}
