using System;
using Microsoft.ML.PrefixTuning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.PrefixTuning.Training;

/// <summary>
/// The loss of <see cref="TargetLoss"/> for a head that is widened for each use: all tokens pass over a block of the
/// vocabulary before the next one is widened, so that the head is gone over once. Sums of exponentials, and the words
/// that they weigh, are kept relative to the largest score so far, as fused attention does it: the gradient of a
/// token's loss is attention over the vocabulary, less the wanted word. A soft cap lets each word weigh as much less as
/// its score is near it.
/// </summary>
internal sealed class StoredHeadLoss
{
    private readonly LanguageModel _model;
    private readonly Tensor _hidden;
    private readonly Tensor _labels;
    private readonly double _smoothing;
    private readonly Tensor _largest;
    private readonly Tensor _sums;
    private readonly Tensor _wanted;
    private readonly Tensor _totals;
    private readonly Tensor? _mixed;
    private readonly Tensor? _allWords;

    private StoredHeadLoss(LanguageModel model, Tensor hidden, Tensor labels, double smoothing, bool withGradient)
    {
        (_model, _hidden, _labels, _smoothing) = (model, hidden, labels.unsqueeze(-1), smoothing);
        long tokens = hidden.size(0), width = hidden.size(1);
        _largest = full([tokens, 1], Scalars.Real(double.NegativeInfinity), ScalarType.Float32, hidden.device);
        _sums = zeros_like(_largest);
        _wanted = zeros_like(_largest);
        _totals = zeros_like(_largest);
        if (!withGradient)
            return;
        _mixed = zeros([tokens, width], ScalarType.Float32, hidden.device);
        // Without a cap all tokens have the same.
        _allWords = zeros(model.Spec.Head.Cap is null ? [1, width] : [tokens, width], ScalarType.Float32,
            hidden.device);
    }

    /// <summary>Whether a model's head is of this kind.</summary>
    public static bool Suits(LanguageModel model) => model.Weights.Head is StoredMatrix;

    /// <inheritdoc cref="TargetLoss.Sum"/>
    public static double Sum(LanguageModel model, Tensor hidden, Tensor labels)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var loss = new StoredHeadLoss(model, hidden, labels, 0, withGradient: false);
        loss.PassOverHead();
        return loss.Losses();
    }

    /// <inheritdoc cref="TargetLoss.WithGradient"/>
    public static (double Sum, Tensor Gradient) WithGradient(LanguageModel model, Tensor hidden, Tensor labels,
        double smoothing)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var loss = new StoredHeadLoss(model, hidden, labels, smoothing, withGradient: true);
        loss.PassOverHead();
        return (loss.Losses(), loss.Gradient().MoveToOuterDisposeScope());
    }

    private void PassOverHead()
    {
        double scale = _model.Spec.Head.Scale;
        Tensor scaled = scale == 1 ? _hidden : _hidden * Scalars.Real(scale);
        _model.Weights.Head.ForEachBlock((start, words) =>
        {
            long count = _hidden.size(0), size = Math.Max(1, TargetLoss.ChunkNumbers / words.size(0));
            for (long first = 0; first < count; first += size)
            {
                using var scope = NewDisposeScope();
                var tokens = (first, Math.Min(size, count - first));
                Take(Part(scaled, tokens), start, words, tokens);
            }
            if (_smoothing > 0 && _model.Spec.Head.Cap is null)
                _allWords?.PlusInPlace(words.sum(0, type: ScalarType.Float32));
        });
    }

    /// <summary>Some tokens over one block of the vocabulary.</summary>
    private void Take(Tensor hidden, long start, Tensor words, (long, long) tokens)
    {
        Tensor? bias = _model.Weights.HeadBias?.narrow(0, start, words.size(0));
        Tensor scores = nn.functional.linear(hidden, words, bias).to(ScalarType.Float32);              // [C, n]
        Tensor? slopes = null;
        if (_model.Spec.Head.Cap is { } cap)
        {
            scores = Layers.Capped(scores, cap);
            slopes = _mixed is null ? null : Slopes(scores, cap);
        }
        Tensor column = Part(_labels, tokens) - Scalars.Whole(start);
        Tensor isHere = column.ge(Scalars.Whole(0)).logical_and(column.lt(Scalars.Whole(words.size(0))));
        Tensor place = column.clamp(Scalars.Whole(0), Scalars.Whole(words.size(0) - 1));
        Part(_wanted, tokens).PlusInPlace(scores.gather(1, place) * isHere);
        if (_smoothing > 0)
            Part(_totals, tokens).PlusInPlace(scores.sum(Axis.Last, keepdim: true));
        Tensor largest = Part(_largest, tokens), sums = Part(_sums, tokens);
        Tensor now = largest.maximum(scores.amax([Axis.Last], keepdim: true));
        Tensor faded = (largest - now).exp_();
        Tensor shares = scores.sub_(now).exp_();
        sums.mul_(faded).PlusInPlace(shares.sum(Axis.Last, keepdim: true));
        largest.copy_(now);
        if (_mixed is null)
            return;
        // The wanted word's own share comes in at the end, less what is wanted of it: their difference may be small.
        shares.scatter_(1, place, shares.gather(1, place) * isHere.logical_not());
        if (slopes is not null)
        {
            shares.mul_(slopes);
            if (_smoothing > 0)
                Part(_allWords!, tokens).PlusInPlace(slopes.to(words.dtype).matmul(words));
        }
        Part(_mixed, tokens).mul_(faded).PlusInPlace(shares.to(words.dtype).matmul(words));
    }

    /// <summary>Every token's loss, added up in double.</summary>
    private double Losses()
    {
        Tensor all = LogSums();
        double ofLabels = (all - _wanted).to(ScalarType.Float64).sum().ToDouble();
        if (_smoothing == 0)
            return ofLabels;
        Tensor mean = _totals * Scalars.Real(1.0 / _model.Weights.Head.Rows);
        double spread = (all - mean).to(ScalarType.Float64).sum().ToDouble();
        return (1 - _smoothing) * ofLabels + _smoothing * spread;
    }

    /// <summary>Probability minus wanted one, times the words; [T, E] in the type of the hidden states.</summary>
    private Tensor Gradient()
    {
        Tensor gradient = _mixed!.div_(_sums);
        Tensor own = (_wanted - LogSums()).exp_().sub_(Scalars.Real(1 - _smoothing));
        if (_model.Spec.Head.Cap is { } cap)
            own.mul_(Slopes(_wanted, cap));
        gradient.PlusInPlace(_model.Weights.Head.Select(_labels.squeeze(-1)).to(ScalarType.Float32) * own);
        if (_smoothing > 0)
            gradient.sub_(_allWords! * Scalars.Real(_smoothing / _model.Weights.Head.Rows));
        if (_model.Spec.Head.Scale != 1)
            gradient.mul_(Scalars.Real(_model.Spec.Head.Scale));
        return gradient.to(_hidden.dtype);
    }

    /// <summary>The derivative of the cap, 1 - tanh^2, from what it gave.</summary>
    private static Tensor Slopes(Tensor capped, double cap) =>
        capped.square().mul_(Scalars.Real(-1 / (cap * cap))).PlusInPlace(Scalars.One);

    private Tensor LogSums() => _largest.Plus(_sums.log());

    private static Tensor Part(Tensor all, (long First, long Count) tokens) =>
        all.narrow(0, tokens.First, tokens.Count);
}
