using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.ML.PrefixTuning.Models;
using Microsoft.ML.PrefixTuning.Parametrizations;
using Microsoft.ML.PrefixTuning.Prefixes;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// Searches for words that make the base write the targets (AutoPrompt; Shin et al. 2020, §2.2; HotFlip's first-order
/// change): each step looks at one place of the prompt. For decoder-only models.
/// </summary>
internal sealed class TriggerLearner : PrefixLearner
{
    private const string WordsName = "words";

    private readonly TriggerRequest _request;
    private readonly PrefixConvention _convention;
    private readonly PrefixPass _pass;
    private readonly Tensor _state;

    /// <summary>Starts from the words of the request.</summary>
    /// <param name="run">Base, rows and options.</param>
    /// <param name="request">Where the search starts and what it may try.</param>
    /// <param name="convention">What the prompt does to the tokens.</param>
    public TriggerLearner(TrainingRun run, TriggerRequest request, PrefixConvention convention) : base(run)
    {
        (_request, _convention, _pass) = (request, convention, new PrefixPass(run, convention));
        using Tensor start = tensor(Array.ConvertAll(request.Start, id => (long)id));
        _state = start.clone().DetachFromDisposeScope();
    }

    public override IReadOnlyList<NamedParameter> Parameters => [];

    public override IEnumerable<KeyValuePair<string, Tensor>> State => [new(WordsName, _state)];

    public override IEnumerable<NamedValue> Signature =>
    [
        NamedValue.Named("method", "search for words"),
        NamedValue.Number("candidates", _request.Candidates),
        NamedValue.Number("words", _request.Allowed.Length),
        NamedValue.Named("prefix", string.Join(' ', _request.Start)),
        NamedValue.Unless(0, "words that stay", _request.FixedFront),
        .. TrainingSignature.Of(_convention),
    ];

    // Beside the ends of epochs: a search has few steps, and is often stopped by hand.
    public override int? ValidationInterval => 20;

    private int[] Words
    {
        get => Array.ConvertAll(_state.data<long>().ToArray(), id => (int)id);
        set
        {
            using var scope = NewDisposeScope();
            _state.copy_(tensor(Array.ConvertAll(value, id => (long)id)));
        }
    }

    public override bool? Recomputes => _pass.Recomputes;

    public override void Prepare(TrainingPlan plan) => _pass.Prepare(plan, _request.Start.Length);

    public override StepResult Take(TrainingPlan plan, int step, int updates)
    {
        TrainingExample[] rows = Predicted(plan, step), others = Predicted(plan, (step + 1) % plan.TotalSteps);
        int place = Place(step);
        (StepRecord record, int[] candidates) = Candidates(rows, place);
        if (!record.Failed)
            Words = Best(others, place, candidates);
        // Words that are tried are only measured.
        long tokens = RowPack.TokensOf(rows, Run.Packing)
            + (candidates.Length + 1L) * RowPack.TokensOf(others, RowPacking.None);
        return new StepResult(record, !record.Failed, tokens, Places: 0);
    }

    public override double MeanLoss(IReadOnlyList<TrainingExample> rows, Action checkAlive) =>
        MeanLoss(Words, rows, checkAlive, Run.Share);

    public override double BaseLoss(IReadOnlyList<TrainingExample> rows) => _pass.BaseLoss(rows);

    /// <summary>The words.</summary>
    public override IReadOnlyDictionary<string, StateTensor> Keep()
    {
        float[] words = Array.ConvertAll(Words, id => (float)id);
        return new Dictionary<string, StateTensor> { [WordsName] = new([words.Length], words) };
    }

    /// <summary>The words that were kept, without the begin token.</summary>
    /// <inheritdoc/>
    public override IReadOnlyList<int> WordsOf(IReadOnlyDictionary<string, StateTensor> kept) =>
        All(kept)[_request.FixedFront..];

    public override IReadOnlyList<Prefix> PrefixesOf(IReadOnlyDictionary<string, StateTensor> kept)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        Tensor prefix = Prefix(Embedded(All(kept))).to(ScalarType.Float32);
        return [PrefixTensors.Bake(AtDecoder(prefix), _convention)];
    }

    public override void Dispose() => _state.Dispose();

    private static int[] All(IReadOnlyDictionary<string, StateTensor> kept) =>
        Array.ConvertAll(kept[WordsName].Values, id => (int)id);

    /// <summary>
    /// The words after a step: what looks best on one batch must be better on another (§2.2: candidates are evaluated
    /// on a new batch).
    /// </summary>
    private int[] Best(TrainingExample[] rows, int place, int[] candidates)
    {
        int[][] tried = [Words, .. candidates.Select(candidate => With(Words, place, candidate))];
        // A process takes whole candidates: there are more of them than passes.
        double[] losses = Run.Share.Do(Array.ConvertAll(tried, _ => 1L),
            number => MeanLoss(tried[number], rows, Run.ThrowIfCancelled, WorkShare.Alone), Run.ThrowIfCancelled);
        int best = 0;
        for (int i = 1; i < tried.Length; i++)
        {
            if (losses[i] < losses[best])
                best = i;
        }
        return tried[best];
    }

    private static int[] With(int[] words, int place, int word)
    {
        words[place] = word;
        return words;
    }

    private int Place(int step) => _request.FixedFront
        + new SeededRandom(Run.Seed, RandomPurpose.Search, step).Below(_request.Start.Length - _request.FixedFront);

    /// <summary>
    /// The words of one place by which the loss would fall most, were it a linear function of the embedding.
    /// </summary>
    private (StepRecord Record, int[] Words) Candidates(TrainingExample[] rows, int place)
    {
        using var scope = NewDisposeScope();
        using var gradientsOn = enable_grad();
        int[] words = Words;
        Tensor embedded = Embedded(words).requires_grad_();
        Tensor prefix = Prefix(embedded);
        (double sum, Tensor ofPrefix) = WithGradient(rows, prefix.detach().requires_grad_());
        Tensor gradient = WayBack.Gradients([prefix], [embedded], [ofPrefix])[0];        // [1, P, E]
        using var noGradient = no_grad();
        int tokens = rows.Sum(row => TargetStates.Count(Run.Model, row));
        double norm = AdamW.Norm([gradient]) / tokens;
        Tensor allowed = tensor(Array.ConvertAll(_request.Allowed, id => (long)id), device: Run.Model.Device).clone();
        Tensor changes = Run.Model.Weights.Embedding.Product(gradient[0, place].unsqueeze(0), null)[0]
            .index_select(0, allowed);
        // One more than wanted, for the word that is there may be among them.
        int count = Math.Min(_request.Candidates + 1, _request.Allowed.Length);
        long[] places = changes.topk(count, largest: false).indexes.cpu().data<long>().ToArray();
        int[] found = [.. places.Select(index => _request.Allowed[index])
            .Where(id => id != words[place]).Take(_request.Candidates)];
        return (new StepRecord(sum / tokens, norm, 0), found);
    }

    /// <summary>
    /// The objective's sum over rows and its gradient with respect to the prefix; the memory is that of a pass.
    /// </summary>
    private (double Sum, Tensor Gradient) WithGradient(TrainingExample[] rows, Tensor prefix)
    {
        TrainingExample[][] passes = [.. rows.Chunk(Run.Options.BatchSize)
            .SelectMany(chunk => BatchPlan.Passes(chunk, Run.Options.MaxTokensPerPass, Run.Packing))];
        long[] places = Array.ConvertAll(passes, pass => BatchPlan.Places(pass, Run.Packing));
        (double[] losses, Tensor[]? gradients) = Run.Share.DoWithGradient(places, [prefix], Pass,
            Run.ThrowIfCancelled, [_state]);
        return (losses.Aggregate(0.0, (sum, loss) => sum + loss),
            (gradients?[0] ?? zeros_like(prefix)).to(prefix.dtype));

        (double Loss, Tensor[] Gradients) Pass(int number)
        {
            Run.ThrowIfCancelled();
            TargetStates states = _pass.States(passes[number], AtDecoder(prefix), Run.Packing);
            (double part, Tensor ofHidden) = Run.Objective.WithGradient(Run.Model, states, passes[number]);
            return (part, [states.Gradient(ofHidden, [prefix])[0].to(ScalarType.Float32)]);
        }
    }

    private double MeanLoss(int[] words, IReadOnlyList<TrainingExample> rows, Action checkAlive, WorkShare share)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        return _pass.MeanLoss(rows, AtDecoder(Prefix(Embedded(words))), checkAlive, share);
    }

    private Tensor Embedded(int[] words) => TrainedEmbeddings.EmbeddingsOf(Run.Model, words).unsqueeze(0);

    private Tensor Prefix(Tensor embedded) => KeyValueCapture.OfPrompt(Run.Model, embedded).to(Run.Model.Type);

    private static Dictionary<AttentionSite, Tensor> AtDecoder(Tensor prefix) =>
        new() { [AttentionSite.Decoder] = prefix };

    /// <summary>The rows of a step that have something to predict.</summary>
    private TrainingExample[] Predicted(TrainingPlan plan, int step) => plan.Rows(step).SelectMany(batch => batch)
        .Where(row => TargetStates.Count(Run.Model, row) > 0).ToArray();
}

/// <summary>Where a search for words starts and what it may try.</summary>
internal sealed record TriggerRequest
{
    /// <summary>P tokens to start from.</summary>
    public required int[] Start { get; init; }

    /// <summary>Tokens in front that stay: 1 where the begin token is part of the prompt. Below P.</summary>
    public required int FixedFront { get; init; }

    /// <summary>Tokens that are words.</summary>
    public required int[] Allowed { get; init; }

    /// <summary>Words tried a step.</summary>
    public required int Candidates { get; init; }
}
