using System;
using System.Threading;

namespace Microsoft.ML.PrefixTuning;

/// <summary>How a prefix is trained.</summary>
public sealed record TrainingOptions
{
    internal const int DefaultTokensPerPass = 4096;

    /// <summary>Passes over the training rows, at most.</summary>
    /// <value>The default is 5.</value>
    public int MaxEpochs { get; init; } = 5;

    /// <summary>Steps, at most.</summary>
    /// <value>The default is <see langword="null"/>: as many as the epochs have.</value>
    public int? MaxSteps { get; init; }

    /// <summary>Rows a batch.</summary>
    /// <value>The default is 8.</value>
    public int BatchSize { get; init; } = 8;

    /// <summary>Batches a step.</summary>
    /// <value>The default is 1.</value>
    public int GradientAccumulation { get; init; } = 1;

    /// <summary>
    /// Tokens that a forward pass takes at most, padding included: a batch of more goes through the base in parts,
    /// whose gradients are added up, so that a step is the same but for rounding. A row of more is a pass by itself.
    /// Memory follows from it; teachers and validation keep to it, too.
    /// </summary>
    /// <value>The default is 4096.</value>
    public int MaxTokensPerPass { get; init; } = DefaultTokensPerPass;

    /// <summary>
    /// Whether rows of one source (and attribute value) are trained on together and their source is read once: it
    /// stands in one row, and behind it their targets, each of which sees the source and itself; an encoder-decoder
    /// base encodes it once. Loss and gradient of a batch are the same but for rounding. Batches are other ones, of
    /// whole sources and of <see cref="BatchSize"/> rows on average; a source of more rows is in several. Validation
    /// reads each row by itself.
    /// </summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool SharedSources { get; init; }

    /// <summary>
    /// Whether a step keeps what is within the layers of the base for the gradient, or runs each layer a second time:
    /// memory then grows with rows and tokens hardly more than their hidden states do, for about a third more time. The
    /// prefix is the same to the last bit.
    /// </summary>
    /// <value>The default is <see cref="Recomputation.Automatic"/>: where memory would not suffice.</value>
    public Recomputation Recompute { get; init; }

    /// <summary>Highest learning rate of the schedule.</summary>
    /// <value>The default is <see langword="null"/>: that of what is trained (0.02 for keys and values, 0.03 for
    /// embeddings, 0.05 over their width for networks, 0.0003 for a memory).</value>
    public double? LearningRate { get; init; }

    /// <summary>Steps in which the learning rate rises from 0.</summary>
    /// <value>The default is <see langword="null"/>: 10, but at most a tenth of the steps.</value>
    public int? WarmupSteps { get; init; }

    /// <summary>What the learning rate does after the warmup.</summary>
    /// <value>The default is <see cref="LearningRateDecay.Cosine"/>.</value>
    public LearningRateDecay Decay { get; init; } = LearningRateDecay.Cosine;

    /// <summary>AdamW's decay of the running mean of gradients.</summary>
    /// <value>The default is 0.9.</value>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>AdamW's decay of the running mean of squared gradients.</summary>
    /// <value>The default is 0.999.</value>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>AdamW's term against division by zero.</summary>
    /// <value>The default is 1e-8.</value>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>AdamW's decoupled weight decay.</summary>
    /// <value>The default is 0.</value>
    public double WeightDecay { get; init; }

    /// <summary>Longest gradient, as L2 norm; 0 means no clipping.</summary>
    /// <value>The default is 1.</value>
    public double ClipNorm { get; init; } = 1;

    /// <summary>Share of each label's probability spread over the vocabulary, from 0 to below 1.</summary>
    /// <value>The default is 0.</value>
    public double LabelSmoothing { get; init; }

    /// <summary>What is made small.</summary>
    /// <value>The default is <see cref="TrainingLoss.TokenMean"/>.</value>
    public TrainingLoss Loss { get; init; } = TrainingLoss.TokenMean;

    /// <summary>
    /// How far back the mean over the steps reaches that is validated and becomes the prefix: the share of it that a
    /// step leaves, 0.97 for some 33 steps. It varies less with seed and rows held out than the values of one step; 0
    /// means these (Polyak and Juditsky 1992).
    /// </summary>
    /// <value>The default is 0.97.</value>
    public double Averaging { get; init; } = 0.97;

    /// <summary>
    /// Share of the steps so far that the mean reaches back at least, from 0 to below 1: 0.5 for some half of them, so
    /// that a long training has a mean over more steps than <see cref="Averaging"/> says. It is made step by step,
    /// newer steps counting more (polynomial-decay averaging; Shamir and Zhang 2013).
    /// </summary>
    /// <value>The default is 0: it does not grow.</value>
    public double AveragingGrowth { get; init; }

    /// <summary>
    /// Share of the prefix's positions whose values are left out of a layer in a step of training, drawn anew for each
    /// layer and step, from 0 to below 1; the other values are scaled up by as much. Keys stay, so that a position
    /// still draws the attention that it drew: this is dropout of the attention to the prefix (Srivastava et al.
    /// 2014), the same for all rows of a step. What is validated and kept has all values.
    /// </summary>
    /// <value>The default is 0.</value>
    public double PrefixDropout { get; init; }

    /// <summary>
    /// Share of the training rows held out for validation where no validation set is given; 0 means none. Rows of one
    /// input (and attribute value) are held out together, as long as that comes nearer to the share.
    /// </summary>
    /// <value>The default is 0.05.</value>
    public double ValidationFraction { get; init; } = 0.05;

    /// <summary>When training stops before its last epoch.</summary>
    /// <value>The default stops after 3 epochs without a better validation loss; <see langword="null"/> means
    /// never.</value>
    public EarlyStopping? EarlyStopping { get; init; } = new();

    /// <summary>Seed of shuffling, held-out rows and random starts.</summary>
    /// <value>The default is <see langword="null"/>: that of the <c>MLContext</c>, or of the state that is resumed, or
    /// a new one; <see cref="TrainingSummary.Seed"/> tells it.</value>
    public int? Seed { get; init; }

    /// <summary>Whether a row with an empty target is trained on (as an immediate end) and not an error.</summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool AllowEmptyTargets { get; init; }

    /// <summary>What becomes of a row whose prompt does not fit the context window.</summary>
    /// <value>The default is <see cref="PromptTruncation.None"/>: an error that names the row.</value>
    public PromptTruncation Truncation { get; init; }

    /// <summary>
    /// A plain text that has nothing to do with the task: <see cref="TrainingSummary.Drift"/> tells its loss without
    /// and with the prefix.
    /// </summary>
    /// <value>The default is <see langword="null"/>: no such text is looked at.</value>
    public string? DriftText { get; init; }

    /// <summary>
    /// Rows held out whose texts are written once training has ended, by the base alone and with the prefix, for
    /// <see cref="TrainingSummary.Examples"/> and the report. A distillation has none.
    /// </summary>
    /// <value>The default is 0.</value>
    public int ExampleRows { get; init; }

    /// <summary>Called after every step, on the training thread.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    public Action<TrainingProgress>? Progress { get; init; }

    /// <summary>
    /// Ends training within one step; where <see cref="WhenCancelled"/> asks for the best so far, the rows at which the
    /// start was measured are first measured once more if no validation followed a step yet.
    /// </summary>
    public CancellationToken CancellationToken { get; init; }

    /// <summary>Whether a cancelled training throws or gives the best prefix so far.</summary>
    /// <value>The default is <see cref="CancellationBehavior.Throw"/>.</value>
    public CancellationBehavior WhenCancelled { get; init; } = CancellationBehavior.Throw;

    /// <summary>
    /// File that holds the state of a running training; where it is there, training resumes from it, with its seed if
    /// none is given. A state of other rows, options or another base is refused.
    /// </summary>
    /// <value>The default is <see langword="null"/>: no state is kept.</value>
    public string? StateFile { get; init; }

    /// <summary>Steps between two writes of <see cref="StateFile"/>.</summary>
    /// <value>The default is 50.</value>
    public int StateInterval { get; init; } = 50;

    /// <summary>
    /// Processes that train together (see the package Microsoft.ML.PrefixTuning.Mpi): each works on some of a step's
    /// forward passes, and the prefix is that of one process to the last bit. A state file is written by the first one
    /// and can be gone on with by any number of them.
    /// </summary>
    /// <value>The default is <see langword="null"/>: this process alone.</value>
    public TrainingWorkers? Workers { get; init; }

    /// <summary>Steps in a row with a loss or gradient that is not finite, after which training stops.</summary>
    /// <value>The default is 3.</value>
    public int MaxFailedSteps { get; init; } = 3;

    /// <summary>Ends the loading of the base: not where other processes would wait for this one.</summary>
    internal CancellationToken LoadingToken => Workers is null ? CancellationToken : default;

    /// <summary>Checks its own members.</summary>
    internal void Check(Faults faults)
    {
        faults.AtLeast(1, MaxEpochs, nameof(MaxEpochs));
        faults.AtLeast(1, MaxSteps ?? 1, nameof(MaxSteps));
        faults.AtLeast(1, BatchSize, nameof(BatchSize));
        faults.AtLeast(1, GradientAccumulation, nameof(GradientAccumulation));
        faults.AtLeast(1, MaxTokensPerPass, nameof(MaxTokensPerPass));
        faults.AtLeast(0, WarmupSteps ?? 0, nameof(WarmupSteps));
        faults.AtLeast(0, ExampleRows, nameof(ExampleRows));
        faults.AtLeast(1, StateInterval, nameof(StateInterval));
        faults.AtLeast(1, MaxFailedSteps, nameof(MaxFailedSteps));
        faults.Above(0, LearningRate ?? 1, nameof(LearningRate));
        faults.Above(0, Epsilon, nameof(Epsilon));
        faults.Share(Beta1, nameof(Beta1));
        faults.Share(Beta2, nameof(Beta2));
        faults.Share(Averaging, nameof(Averaging));
        faults.Share(AveragingGrowth, nameof(AveragingGrowth));
        faults.That(AveragingGrowth == 0 || Averaging != 0, nameof(AveragingGrowth),
            "0 where TrainingOptions.Averaging is 0, and nothing is averaged", AveragingGrowth);
        faults.Share(PrefixDropout, nameof(PrefixDropout));
        faults.Share(LabelSmoothing, nameof(LabelSmoothing));
        faults.Share(ValidationFraction, nameof(ValidationFraction));
        faults.NotNegative(WeightDecay, nameof(WeightDecay));
        faults.NotNegative(ClipNorm, nameof(ClipNorm));
        faults.Known(Decay, nameof(Decay));
        faults.Known(Loss, nameof(Loss));
        faults.Known(Recompute, nameof(Recompute));
        faults.Known(Truncation, nameof(Truncation));
        faults.Known(WhenCancelled, nameof(WhenCancelled));
        EarlyStopping?.Check(faults.Under(nameof(EarlyStopping)));
        faults.That(StateFile is not "", nameof(StateFile), "a path, or null", "an empty text");
        faults.That(DriftText is not "", nameof(DriftText), "a text of at least one character, or null",
            "an empty one");
        CheckMoves(faults);
        CheckWorkers(faults);
    }

    /// <summary>A worker takes whole forward passes, and a row is one at least.</summary>
    private void CheckWorkers(Faults faults)
    {
        long rows = (long)BatchSize * GradientAccumulation;
        faults.That(!(rows < Workers?.Count), nameof(Workers),
            $"at most {rows}, the rows of a step (BatchSize x GradientAccumulation; raise GradientAccumulation)",
            Workers?.Count ?? 1);
    }

    /// <summary>AdamW multiplies with these and divides by them in float32: they must have a value there.</summary>
    private void CheckMoves(Faults faults)
    {
        // Below it, a division by zero is no longer prevented; the least normal number of float32 is a little smaller.
        const double LeastEpsilon = 1e-37;
        double rate = LearningRate ?? 1;
        // The first step is the furthest: its mean of gradients is divided by 1 - Beta1.
        faults.That(!(rate / (1 - Beta1) > float.MaxValue), nameof(LearningRate),
            "a number whose steps float32 can hold", rate);
        faults.That(Epsilon is not (> 0 and < LeastEpsilon or > float.MaxValue), nameof(Epsilon),
            "1E-37 or more, within float32", Epsilon);
        faults.That(!(rate * WeightDecay > float.MaxValue), nameof(WeightDecay),
            "a number whose product with the learning rate float32 can hold", WeightDecay);
    }
}

/// <summary>What the learning rate does after the warmup.</summary>
public enum LearningRateDecay
{
    /// <summary>Stays.</summary>
    None,

    /// <summary>Falls to 0 on a line.</summary>
    Linear,

    /// <summary>Falls to 0 on half a cosine.</summary>
    Cosine,
}

/// <summary>What is made small.</summary>
public enum TrainingLoss
{
    /// <summary>The mean over all target tokens of a step.</summary>
    TokenMean,

    /// <summary>
    /// The sum over each row's target tokens, as a mean over the rows (Li and Liang 2021, their code's default).
    /// </summary>
    SentenceSum,
}

/// <summary>Whether layers are run a second time for their gradient.</summary>
public enum Recomputation
{
    /// <summary>Where the memory that is free before the first step would not suffice otherwise.</summary>
    Automatic,

    /// <summary>In every step.</summary>
    Always,

    /// <summary>In no step.</summary>
    Never,
}

/// <summary>What becomes of a prompt that does not fit.</summary>
public enum PromptTruncation
{
    /// <summary>An error that names the row.</summary>
    None,

    /// <summary>The beginning of the prompt is left out.</summary>
    Start,

    /// <summary>The end of the prompt is left out.</summary>
    End,
}

/// <summary>What a cancelled training does.</summary>
public enum CancellationBehavior
{
    /// <summary>Throws <see cref="OperationCanceledException"/>.</summary>
    Throw,

    /// <summary>Gives the best prefix so far.</summary>
    ReturnBest,
}

/// <summary>Ends training when the validation loss no longer falls.</summary>
public sealed record EarlyStopping
{
    /// <summary>Epochs without a better validation loss after which training stops.</summary>
    /// <value>The default is 3.</value>
    public int Patience { get; init; } = 3;

    /// <summary>By how much a loss must fall to count as better.</summary>
    /// <value>The default is 0.</value>
    public double MinDelta { get; init; }

    /// <summary>Checks its own members.</summary>
    internal void Check(Faults faults)
    {
        faults.AtLeast(1, Patience, nameof(Patience));
        faults.NotNegative(MinDelta, nameof(MinDelta));
    }
}

/// <summary>Where a training stands after a step.</summary>
/// <param name="Epoch">Epoch, from 1.</param>
/// <param name="Step">Steps done.</param>
/// <param name="TotalSteps">Steps in all, if nothing stops earlier.</param>
/// <param name="Loss">
/// Loss of this step, in nats a target token whatever <see cref="TrainingOptions.Loss"/> is; it includes
/// <see cref="TrainingOptions.LabelSmoothing"/>.
/// </param>
/// <param name="ValidationLoss">
/// The newest validation loss, in nats a target token, without label smoothing; null before the first.
/// </param>
/// <param name="LearningRate">Learning rate of this step.</param>
/// <param name="TokensPerSecond">Real tokens (sources and targets, no padding) a second, over the run.</param>
/// <param name="TimeLeft">Estimate of the time to the last step.</param>
public sealed record TrainingProgress(int Epoch, int Step, int TotalSteps, double Loss, double? ValidationLoss,
    double LearningRate, double TokensPerSecond, TimeSpan TimeLeft);
