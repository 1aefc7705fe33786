using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;

namespace Microsoft.ML.PrefixTuning.Tests.Options;

/// <summary>
/// Every member of every public option record, and which of four places it belongs to: the saved model, the signature
/// of a training's state, docs/options.md (all of them) and the command line, with a reason where not.
/// OptionPlacesTests fails for a member that is not here and for one that is not found where this table says.
/// </summary>
internal static class OptionTable
{
    private const string Writing = "how texts are written has no part in a training";
    private const string TrainedOnce = "what is saved is the prefix, not the way to it";
    private const string Rows = "it decides which rows there are, and those are in the signature";
    private const string Callback = "it is code or a handle of the calling process";
    private const string Rest = "it decides when a training rests or what is told of it, not what comes of it";
    private const string SameBytes = "it changes memory and time, and no number";
    private const string Measured = "it decides how texts are measured";
    private const string OfTheTool = "the tool's own promise: Ctrl-C saves the best prefix so far";
    private const string Students = "its own members stand in the table; they are the student's";
    private const string OneText = "a student learns from one text a row, written or refused";
    private const string Server = "it is how much a process that serves requests works on at once";
    private const string OtherThreads = "another number is as another processor: the same but for rounding";
    private const string Written = "it decides which rows a base writes, and those are in the signature";
    private const string OneBase = "teacher and student are one base there, read in one way: the student's options";
    private const string Machine = "where a model runs is the machine's affair";

    // The command's trainings keep the best prefix when they are cancelled.
    private static readonly TrainingOptions Epochs =
        new() { MaxEpochs = 2, WhenCancelled = CancellationBehavior.ReturnBest };

    private static readonly GenerationOptions Beams = new() { Decoding = Decoding.Beam() };
    private static readonly PrefixTuningOptions Tones = new() { AttributeColumnName = "Tone" };

    /// <summary>The table.</summary>
    public static IReadOnlyList<OptionEntry> Entries { get; } =
    [
        .. OfTuning(), .. OfPrefix(), .. OfKinds(), .. OfTraining(), .. OfGeneration(), .. OfDecoding(), .. OfUse(),
        .. OfDistillation(), .. OfSelfStudy(), .. OfEvaluation(), .. OfServing(),
    ];

    private static IEnumerable<OptionEntry> OfTuning() =>
    [
        Of<PrefixTuningOptions>("Prefix", new PrefixOptions { Length = 7 }, "--prefix-length 7")
            with { NotSaved = TrainedOnce },
        Of<PrefixTuningOptions>("Training", Epochs, "--max-epochs 2") with { NotSaved = TrainedOnce },
        Of<PrefixTuningOptions>("Generation", new GenerationOptions { MaxNewTokens = 9 }, "--max-new-tokens 9")
            with { NotSigned = Writing },
        Of<PrefixTuningOptions>("Template", "\t{input}\\\n", @"--template \t{input}\\\n"),
        Of<PrefixTuningOptions>("AttributeColumnName", "Tone", "--attribute-column Tone"),
        Of<PrefixTuningOptions>("AttributeLength", 3, "--attribute-length 3")
            with { Into = Tones, NotSaved = TrainedOnce },
        Of<PrefixTuningOptions>("UnseenAttribute", UnseenAttribute.UseSharedPart, "--unseen-attribute use-shared-part")
            with { Into = Tones, NotSigned = "the part that all values share is trained in any case" },
        Of<PrefixTuningOptions>("ValidationSet", (Func<object>)(() => OptionTrial.View(3)), null)
            with { NotSaved = TrainedOnce, NotOnLine = "rows are a file there: --validation of train and distill" },
        Of<PrefixTuningOptions>("Precision", ModelPrecision.BFloat16, "--precision bfloat16"),
        Of<PrefixTuningOptions>("Device", "cpu", "--device cpu") with { NotSaved = Machine },
        Of<PrefixTuningOptions>("Threads", 1, "--threads 1")
            with { NotSaved = Machine, NotSigned = OtherThreads },
        Of<PrefixTuningOptions>("EmbedBase", true, "--embed-base") with { NotSigned = Writing },
    ];

    private static IEnumerable<OptionEntry> OfPrefix() => Trained(
    [
        Of<PrefixOptions>("Method", PrefixMethod.EmbeddingOnly, "--method embedding-only"),
        Of<PrefixOptions>("Parametrization", Parametrization.ResidualMlp(8), "--parametrization residual-mlp:8"),
        Of<PrefixOptions>("Length", 7, "--prefix-length 7"),
        Of<PrefixOptions>("Start", PrefixStart.Zero, "--prefix-start zero"),
        Of<PrefixOptions>("Sites", new[] { AttentionSite.Encoder }, "--prefix-sites encoder")
            with { NeedsEncoder = true },
    ]);

    private static IEnumerable<OptionEntry> OfKinds() => Trained(
    [
        Of<TriggerWordsMethod>("Steps", 3, "--method trigger-words:3")
            with { NotSigned = "the steps to be taken are there as MaxSteps" },
        Of<TriggerWordsMethod>("Candidates", 2, "--method trigger-words:100:2"),
        Of<MlpParametrization>("Width", 8, "--parametrization mlp:8"),
        Of<MlpParametrization>("Depth", 2, "--parametrization mlp:512:2"),
        Of<MlpParametrization>("Dropout", 0.5, "--parametrization mlp:512:1:0.5"),
        Of<ResidualMlpParametrization>("Width", 8, "--parametrization residual-mlp:8"),
        Of<ResidualMlpParametrization>("Depth", 2, "--parametrization residual-mlp:512:2"),
        Of<ResidualMlpParametrization>("Dropout", 0.5, "--parametrization residual-mlp:512:1:0.5"),
        Of<TextStart>("Text", "Be: so\n", @"--prefix-start text:Be:~so\n"),
        Of<RowsStart>("Count", 2, "--prefix-start rows:2"),
        Of<RandomStart>("Scale", 0.5, "--prefix-start random:0.5"),
        Of<PrefixValuesStart>("Prefix", (Func<object>)OptionTrial.SomePrefix, null)
            with
            {
                Against = PrefixStart.DefaultText,
                NotOnLine = "a prefix is a file there: --prefix-start file:FILE",
            },
    ]);

    private static IEnumerable<OptionEntry> OfTraining() => Trained(
    [
        Of<TrainingOptions>("MaxEpochs", 2, "--max-epochs 2"),
        Of<TrainingOptions>("MaxSteps", 2, "--max-steps 2"),
        Of<TrainingOptions>("BatchSize", 3, "--batch-size 3"),
        Of<TrainingOptions>("GradientAccumulation", 2, "--gradient-accumulation 2"),
        Of<TrainingOptions>("MaxTokensPerPass", 64, "--max-tokens-per-pass 64"),
        Of<TrainingOptions>("SharedSources", true, "--shared-sources"),
        Of<TrainingOptions>("Recompute", Recomputation.Always, "--recompute always") with { NotSigned = SameBytes },
        Of<TrainingOptions>("LearningRate", 0.003, "--learning-rate 0.003"),
        Of<TrainingOptions>("WarmupSteps", 4, "--warmup-steps 4"),
        Of<TrainingOptions>("Decay", LearningRateDecay.Linear, "--decay linear"),
        Of<TrainingOptions>("Beta1", 0.5, "--beta1 0.5"),
        Of<TrainingOptions>("Beta2", 0.5, "--beta2 0.5"),
        Of<TrainingOptions>("Epsilon", 1e-4, "--epsilon 1e-4"),
        Of<TrainingOptions>("WeightDecay", 0.1, "--weight-decay 0.1"),
        Of<TrainingOptions>("ClipNorm", 0.5, "--clip-norm 0.5"),
        Of<TrainingOptions>("LabelSmoothing", 0.1, "--label-smoothing 0.1"),
        Of<TrainingOptions>("Loss", TrainingLoss.SentenceSum, "--loss sentence-sum"),
        Of<TrainingOptions>("Averaging", 0.5, "--averaging 0.5"),
        Of<TrainingOptions>("AveragingGrowth", 0.5, "--averaging-growth 0.5"),
        Of<TrainingOptions>("PrefixDropout", 0.25, "--prefix-dropout 0.25"),
        Of<TrainingOptions>("ValidationFraction", 0.5, "--validation-fraction 0.5"),
        Of<TrainingOptions>("EarlyStopping", null, "--no-early-stopping"),
        Of<TrainingOptions>("Seed", 11, "--seed 11"),
        Of<TrainingOptions>("AllowEmptyTargets", true, "--allow-empty-targets") with { NotSigned = Rows },
        Of<TrainingOptions>("Truncation", PromptTruncation.End, "--truncation end") with { NotSigned = Rows },
        Of<TrainingOptions>("DriftText", "Some\ttext.", @"--drift-text Some\ttext.") with { NotSigned = Rest },
        Of<TrainingOptions>("ExampleRows", 2, "--example-rows 2") with { NotSigned = Rest },
        Of<TrainingOptions>("Progress", (Action<TrainingProgress>)(_ => { }), null)
            with { NotSigned = Callback, NotOnLine = Callback },
        Of<TrainingOptions>("CancellationToken", new CancellationToken(canceled: true), null)
            with { NotSigned = Callback, NotOnLine = Callback },
        Of<TrainingOptions>("WhenCancelled", CancellationBehavior.ReturnBest, null)
            with { NotSigned = Rest, NotOnLine = OfTheTool },
        Of<TrainingOptions>("StateFile", @"C:\new\state", @"--state C:\new\state")
            with { NotSigned = "it is the file itself" },
        Of<TrainingOptions>("StateInterval", 2, "--state-interval 2") with { NotSigned = Rest },
        Of<TrainingOptions>("Workers", new OneWorker(), null)
            with { NotSigned = SameBytes, NotOnLine = "they are found there: --workers mpi of train and distill" },
        Of<TrainingOptions>("MaxFailedSteps", 5, "--max-failed-steps 5"),
        Of<EarlyStopping>("Patience", 7, "--early-stopping-patience 7"),
        Of<EarlyStopping>("MinDelta", 0.5, "--early-stopping-min-delta 0.5"),
    ]);

    private static IEnumerable<OptionEntry> OfGeneration() => Unsigned(Writing,
    [
        Of<GenerationOptions>("Decoding", Decoding.Beam(3), "--decoding beam --beam-width 3"),
        Of<GenerationOptions>("MaxNewTokens", 9, "--max-new-tokens 9"),
        Of<GenerationOptions>("MinNewTokens", 2, "--min-new-tokens 2"),
        Of<GenerationOptions>("NoRepeatNGramSize", 3, "--no-repeat-ngram-size 3"),
        Of<GenerationOptions>("RepetitionPenalty", 1.5, "--repetition-penalty 1.5"),
        Of<GenerationOptions>("BannedWords", new[] { "q\tq" }, @"--banned-words q\tq"),
        Of<GenerationOptions>("StopStrings", new[] { "\n", "z" }, @"--stop-strings \n --stop-strings z"),
        Of<GenerationOptions>("SequenceCount", 2, "--decoding beam --sequence-count 2") with { Into = Beams },
        Of<GenerationOptions>("BatchSize", 5, "--generation-batch-size 5"),
        Of<GenerationOptions>("LookAhead", 6, "--look-ahead 6"),
        Of<GenerationOptions>("RememberedTexts", 7, "--remembered-texts 7"),
        Of<GenerationOptions>("Truncation", PromptTruncation.Start, "--generation-truncation start"),
        Of<GenerationOptions>("ErrorColumnName", "Fault", "--error-column Fault"),
    ]);

    private static IEnumerable<OptionEntry> OfDecoding() => Unsigned(Writing,
    [
        Of<BeamDecoding>("Width", 3, "--decoding beam --beam-width 3"),
        Of<BeamDecoding>("LengthPenalty", 0.5, "--decoding beam --beam-length-penalty 0.5"),
        Of<BeamDecoding>("EarlyStopping", true, "--decoding beam --beam-early-stopping"),
        Of<SamplingDecoding>("Temperature", 0.5, "--decoding sampling --temperature 0.5"),
        Of<SamplingDecoding>("TopK", 7, "--decoding sampling --top-k 7"),
        Of<SamplingDecoding>("TopP", 0.5, "--decoding sampling --top-p 0.5"),
        Of<SamplingDecoding>("MinP", 0.25, "--decoding sampling --min-p 0.25"),
        Of<SamplingDecoding>("DrawColumnName", "Label", "--decoding sampling --draw-column Label"),
        Of<SamplingDecoding>("Seed", 5, "--decoding sampling --sampling-seed 5"),
    ]);

    private static IEnumerable<OptionEntry> OfUse() => Unsigned(Writing,
    [
        Of<TextGenerationOptions>("Generation", new GenerationOptions { MaxNewTokens = 9 }, "--max-new-tokens 9"),
        Of<TextGenerationOptions>("Template", "{input} =>", "--template {input}~=>"),
        Of<TextGenerationOptions>("UnseenAttributePrefix", (Func<object>)OptionTrial.SomePrefix, null)
            with { NotOnLine = "a prefix is a file there, and one file has one prefix; a saved model has its own" },
        Of<TextGenerationOptions>("Precision", ModelPrecision.BFloat16, "--precision bfloat16"),
        Of<TextGenerationOptions>("Device", "cpu", "--device cpu") with { NotSaved = Machine },
        Of<TextGenerationOptions>("Threads", 1, "--threads 1") with { NotSaved = Machine },
        Of<TextGenerationOptions>("EmbedBase", true, "--embed-base"),
    ]);

    private static IEnumerable<OptionEntry> OfDistillation() => Trained(
    [
        Of<DistillationOptions>("Student", new PrefixTuningOptions { Template = "{input}:" }, null)
            with { NotOnLine = Students, NotSigned = Students },
        Of<DistillationOptions>("Temperature", 2.0, "--distillation-temperature 2"),
        Of<DistillationOptions>("TopK", 5, "--distillation-top-k 5"),
        Of<DistillationOptions>("ContinuationColumnName", "Label", "--continuation-column Label"),
        Of<DistillationOptions>(
            "Continuations", new GenerationOptions { MaxNewTokens = 3 }, "--continuation-max-new-tokens 3"),
    ]);

    private static IEnumerable<OptionEntry> OfSelfStudy() => Unsigned(Written, Trained(
    [
        Of<SelfStudyOptions>("TokensPerPart", 64, "--tokens-per-part 64"),
        Of<SelfStudyOptions>("QuestionsPerPart", 3, "--questions-per-part 3"),
        Of<SelfStudyOptions>("SeedPrompts", new[] { "Ask.", "Ask\tmore." },
            @"--seed-prompts Ask. --seed-prompts Ask\tmore."),
        Of<SelfStudyOptions>("QuestionTemperature", 0.5, "--question-temperature 0.5"),
        Of<SelfStudyOptions>("Seed", 5, "--question-seed 5"),
        Of<SelfStudyOptions>("MaxQuestionTokens", 20, "--max-question-tokens 20"),
        Of<SelfStudyOptions>("MaxAnswerTokens", 30, "--max-answer-tokens 30"),
        Of<SelfStudyOptions>("Template", "{input} =>", null) with { NotOnLine = OneBase },
        Of<SelfStudyOptions>("Precision", ModelPrecision.BFloat16, null) with { NotOnLine = OneBase },
        Of<SelfStudyOptions>("Device", "cpu", null) with { NotOnLine = OneBase },
        Of<SelfStudyOptions>("Threads", 1, null) with { NotOnLine = OneBase },
        Of<SelfStudyOptions>("Progress", (Action<SelfStudyProgress>)(_ => { }), null) with { NotOnLine = Callback },
        Of<SelfStudyOptions>("CancellationToken", new CancellationToken(canceled: true), null)
            with { NotOnLine = Callback },
    ]));

    private static IEnumerable<OptionEntry> OfEvaluation() => Unsigned(Measured, Trained(
    [
        Of<TextGenerationEvaluationOptions>("Metrics", TextMetrics.Rouge, "--metrics rouge"),
        Of<TextGenerationEvaluationOptions>("GroupColumnName", "Group", "--group-column Group"),
        Of<TextGenerationEvaluationOptions>("Lowercase", true, "--lowercase"),
        Of<TextGenerationEvaluationOptions>("BleuTokenization", BleuTokenization.None, "--bleu-tokenization none"),
        Of<TextGenerationEvaluationOptions>("BleuSmoothing", BleuSmoothing.Floor, "--bleu-smoothing floor"),
        Of<TextGenerationEvaluationOptions>("RougeStemming", true, "--rouge-stemming"),
        Of<TextGenerationEvaluationOptions>("MeteorFolder", @"C:\new", @"--meteor-folder C:\new"),
    ]));

    private static IEnumerable<OptionEntry> OfServing() => new[]
    {
        Of<TextGeneratorOptions>("MaxRows", 3, null),
        Of<TextGeneratorOptions>("QueueLimit", 4, null),
        Of<TextGeneratorOptions>("CacheTokens", 500, null),
        Of<TextGeneratorOptions>("PromptPiece", 32, null),
    }.Select(entry => entry with { NotOnLine = Server, NotSaved = Server, NotSigned = Server });

    /// <summary>One process, as a team.</summary>
    private sealed class OneWorker : TrainingWorkers
    {
        public override int Rank => 0;

        public override int Count => 1;

        public override void Gather(ReadOnlySpan<byte> own, Span<byte> all) => own.CopyTo(all);

        public override void Broadcast(Span<byte> content)
        {
        }
    }

    // Words of a line are parted by spaces; ~ is a space inside one.
    private static OptionEntry Of<T>(string member, object? other, string? line) => new(typeof(T), member, other)
    {
        Line = line?.Split(' ').Select(word => word.Replace('~', ' ')).ToArray(),
    };

    private static IEnumerable<OptionEntry> Trained(IEnumerable<OptionEntry> entries) =>
        entries.Select(entry => entry with { NotSaved = entry.NotSaved ?? TrainedOnce });

    private static IEnumerable<OptionEntry> Unsigned(string reason, IEnumerable<OptionEntry> entries) =>
        entries.Select(entry => entry with { NotSigned = entry.NotSigned ?? reason });
}
