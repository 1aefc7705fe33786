using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Models.Families;
using Microsoft.ML.PrefixTuning.SmallBart.Corpus;
using Microsoft.ML.PrefixTuning.SmallBart.Vocabulary;
using Microsoft.ML.PrefixTuning.Text.Files;
using Microsoft.ML.PrefixTuning.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.SmallBart.Training;

/// <summary>What a pretraining is asked for.</summary>
internal sealed record PretrainingRequest
{
    /// <summary>Text files, as <see cref="TextBlocks"/> reads them.</summary>
    public required IReadOnlyList<string> Texts { get; init; }

    /// <summary>Where the model goes.</summary>
    public required string Folder { get; init; }

    public required int Steps { get; init; }

    public required int Rows { get; init; }

    public required double LearningRate { get; init; }

    public required int Seed { get; init; }

    public required ScalarType Type { get; init; }

    public required BartShape Shape { get; init; }

    /// <summary>All that decides on the result, as one text.</summary>
    public string Identity =>
        $"{string.Join('+', Texts.Select(Path.GetFileName))}, {Steps} steps of {Rows} rows, learning rate"
            + $" {LearningRate}, seed {Seed}, {Type}, {Shape}";
}

/// <summary>From text to a model folder: vocabulary, random weights, denoising, files.</summary>
internal sealed class Pretraining(PretrainingRequest request, TextWriter log)
{
    private const int HeldOutBlocks = 96;
    private const int HeldOutBatches = 12;
    private const long VocabularyCharacters = 30_000_000;
    private const int ReportInterval = 50;
    private const double SaveSeconds = 300;

    private readonly string _statePath = Path.Combine(request.Folder, "pretraining-state.safetensors");

    /// <summary>Runs, or goes on where a former run was stopped.</summary>
    public void Run()
    {
        Directory.CreateDirectory(request.Folder);
        string[] blocks = TextBlocks.Read(request.Texts, request.Seed);
        log.WriteLine($"{blocks.Length} blocks of text, {blocks.Sum(block => (long)block.Length):N0} characters.");
        if (!File.Exists(Path.Combine(request.Folder, VocabularyAndMerges.VocabularyFile)))
            TrainVocabulary(blocks.Skip(HeldOutBlocks));
        ModelFolder.WriteConfigs(request.Shape, request.Folder);
        PretrainedTokenizer tokenizer = PretrainedTokenizer.FromFolder(request.Folder, request.Shape.Vocabulary);

        ModelConfig config = ModelConfig.Read(Path.Combine(request.Folder, "config.json"));
        Family family = Family.Of(config);
        TransformerSpec spec = family.Describe(config);
        using TrainableModel model = Start(spec, family.Names(spec, config));
        log.WriteLine($"{model.Master.numel():N0} numbers.");
        using var trainer =
            new FullTrainer(model, new TrainingOptions { Beta2 = 0.98, Epsilon = 1e-6, WeightDecay = 0.01 });
        var passages = new Passages(tokenizer);
        var noise = new Noise(spec.Tokens.Begin!.Value, spec.Tokens.Ends[0],
            tokenizer.SpecialTokens[TokenizerFiles.Mask]);
        TrainingExample[][] heldOut =
            new DenoisingBatches(blocks[..HeldOutBlocks], passages, noise, request.Rows, request.Seed)
            .All().Take(HeldOutBatches).ToArray();
        var batches = new DenoisingBatches(blocks[HeldOutBlocks..], passages, noise, request.Rows, request.Seed);
        Train(model, trainer, batches, heldOut);
        ModelFolder.WriteWeights(model, request.Folder);
    }

    private TrainableModel Start(TransformerSpec spec, TensorNames names)
    {
        using var scope = NewDisposeScope();
        return new TrainableModel(spec, names, request.Shape.Start(request.Seed), request.Type);
    }

    private void TrainVocabulary(IEnumerable<string> blocks)
    {
        var clock = Stopwatch.StartNew();
        var pieces = new PieceCounts();
        foreach (string block in blocks.TakeWhile(_ => pieces.Characters < VocabularyCharacters))
            pieces.Add(block);
        TokenizerFiles.Write(BytePairTrainer.Train(pieces.Counts,
            request.Shape.Vocabulary - TokenizerFiles.SpecialCount),
            request.Folder, request.Shape.Positions);
        log.WriteLine(
            $"Vocabulary of {request.Shape.Vocabulary} tokens from {pieces.Characters:N0} characters,"
                + $" {pieces.Counts.Count:N0} pieces, in {clock.Elapsed.TotalSeconds:F0} s.");
    }

    private void Train(TrainableModel model, FullTrainer trainer, DenoisingBatches batches, TrainingExample[][] heldOut)
    {
        PretrainingState state = PretrainingState.Read(_statePath, request.Identity, trainer);
        model.Refresh();
        var schedule = new LearningRateSchedule(request.LearningRate, request.Steps / 20 + 1, request.Steps,
            LearningRateDecay.Linear);
        var clock = Stopwatch.StartNew();
        double secondsBefore = state.Seconds, saved = 0, loss = 0;
        int counted = 0;
        foreach (TrainingExample[] batch in batches.All().Take(request.Steps).Skip(state.Step))
        {
            loss += trainer.Step(batch, schedule.At(state.Step));
            counted++;
            state = new PretrainingState(state.Step + 1, secondsBefore + clock.Elapsed.TotalSeconds, state.Tokens
                + batch.Sum(row => (long)row.Target.Length));
            if (state.Step % ReportInterval == 0)
            {
                string ofHeldOut = state.Step % (10 * ReportInterval) == 0
                    ? $", held-out loss {trainer.MeanLoss(heldOut):F3}" : "";
                log.WriteLine(
                    $"step {state.Step}: loss {loss / counted:F3}{ofHeldOut}, {state.Tokens / state.Seconds:F0}"
                        + $" target tokens a second, {state.Seconds:F0} s");
                (loss, counted) = (0, 0);
            }
            if (clock.Elapsed.TotalSeconds - saved < SaveSeconds)
                continue;
            saved = clock.Elapsed.TotalSeconds;
            state.Write(_statePath, request.Identity, trainer);
        }
        state.Write(_statePath, request.Identity, trainer);
        log.WriteLine(
            $"Held-out loss {trainer.MeanLoss(heldOut):F3} after {state.Step} steps, {state.Tokens:N0} target tokens"
                + $" and {state.Seconds / 60:F1} minutes.");
    }
}
